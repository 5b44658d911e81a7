// dateRange of two values of one kind: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r101010:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dateRange(1, 15) ? "1" : "0";
  out += dateRange(5, 15) ? "1" : "0";
  out += dateRange("JAN", "MAR") ? "1" : "0";
  out += dateRange("APR", "JUN") ? "1" : "0";
  out += dateRange(2025, 2027) ? "1" : "0";
  out += dateRange(1995, 1996) ? "1" : "0";
  return "PROXY r" + out + ":1";
}
