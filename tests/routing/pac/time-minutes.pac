// timeRange with minutes and seconds: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r101100:1
function FindProxyForURL(url, host) {
  var out = "";
  out += timeRange(10, 0, 10, 30) ? "1" : "0";
  out += timeRange(10, 31, 11, 0) ? "1" : "0";
  out += timeRange(8, 30, 17, 0) ? "1" : "0";
  out += timeRange(10, 30, 0, 10, 30, 15) ? "1" : "0";
  out += timeRange(10, 30, 16, 10, 31, 0) ? "1" : "0";
  out += timeRange(0, 0, 0, 10, 30, 14) ? "1" : "0";
  return "PROXY r" + out + ":1";
}
