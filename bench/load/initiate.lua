-- A new order and a new key with each request. One thread only. Arguments: the token's file, the provider,
-- what order ids begin with, and eight hexadecimal digits that no other run has.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local count, prefix, run = 0, "", ""

function init(arguments)
  wrk.method = "POST"
  wrk.body = '{"provider": "' .. arguments[2] .. '"}'
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. contents(arguments[1])
  prefix, run = arguments[3], arguments[4]
end

function request()
  count = count + 1
  wrk.headers["Idempotency-Key"] = "bench-" .. run .. "-" .. count
  return wrk.format(nil, string.format("/payments/initiate/%s%s-0000-4000-8000-%012x/", prefix, run, count))
end
