// Microsoft's getClientVersion: one digit for each example.
// ask: wss://h.test/ => PROXY r1:1
function FindProxyForURL(url, host) {
  var out = "";
  out += getClientVersion() === "1.0" ? "1" : "0";
  return "PROXY r" + out + ":1";
}
