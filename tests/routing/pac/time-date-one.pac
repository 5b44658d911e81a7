// dateRange of one value on 4 March 2026: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r1010101:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dateRange(4) ? "1" : "0";
  out += dateRange(5) ? "1" : "0";
  out += dateRange("MAR") ? "1" : "0";
  out += dateRange("APR") ? "1" : "0";
  out += dateRange(2026) ? "1" : "0";
  out += dateRange(2025) ? "1" : "0";
  out += dateRange(4, "GMT") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
