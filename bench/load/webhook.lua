-- Each signed webhook once. One thread only. Arguments: the file of references
-- and signatures.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local references, signatures, count = {}, {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local reference, signature = line:match("([^\t]+)\t([^\t]+)")
    references[#references + 1], signatures[#signatures + 1] = reference, signature
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  count = count + 1
  local line = (count - 1) % #references + 1
  wrk.headers["X-Chapa-Signature"] = signatures[line]
  return wrk.format(nil, "/payments/verify/chapa/", nil,
    '{"event":"charge.success","type":"API","tx_ref":"' .. references[line] .. '","reference":"AP'
    .. references[line] .. '","status":"success","amount":"1000.00","currency":"ETB","charge":"35.00","mode":"test",'
    .. '"payment_method":"telebirr","email":"sara@shop.et","first_name":"Sara","last_name":"Tesfaye"}')
end
