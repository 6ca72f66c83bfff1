-- One line of JSON about a run; every script of this folder ends with it.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"answers":%d,"us":%d,"p50_ms":%.3f,"p99_ms":%.3f,"most_ms":%.3f,"refused":%d,"broken":%d,"late":%d}\n',
    summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end

function contents(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end
