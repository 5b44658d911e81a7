// timeRange over midnight: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r01:1
function FindProxyForURL(url, host) {
  var out = "";
  out += timeRange(22, 6) ? "1" : "0";
  out += timeRange(22, 11) ? "1" : "0";
  return "PROXY r" + out + ":1";
}
