-- A new order with each request. One thread only. Arguments: the token's file.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local count, run = 0, 0

function init(arguments)
  wrk.method = "POST"
  wrk.body = '{"provider": "chapa"}'
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. contents(arguments[1])
  math.randomseed(os.time())
  run = math.random(0, 0x7fffffff)
end

function request()
  count = count + 1
  return wrk.format(nil, string.format("/payments/initiate/%08x-0000-4000-8000-%012x/", run, count))
end
