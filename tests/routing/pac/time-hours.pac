// timeRange with hours at half past ten: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r101011:1
function FindProxyForURL(url, host) {
  var out = "";
  out += timeRange(10) ? "1" : "0";
  out += timeRange(11) ? "1" : "0";
  out += timeRange(9, 17) ? "1" : "0";
  out += timeRange(11, 17) ? "1" : "0";
  out += timeRange(10, "GMT") ? "1" : "0";
  out += timeRange(8, 12, "GMT") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
