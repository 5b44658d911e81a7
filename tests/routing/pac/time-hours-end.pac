// timeRange whose end is this very hour: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r1:1
function FindProxyForURL(url, host) {
  var out = "";
  out += timeRange(9, 10) ? "1" : "0";
  return "PROXY r" + out + ":1";
}
