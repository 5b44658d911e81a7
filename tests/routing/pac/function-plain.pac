// isPlainHostName: one digit for each example.
// ask: wss://h.test/ => PROXY r1001:1
function FindProxyForURL(url, host) {
  var out = "";
  out += isPlainHostName("www") ? "1" : "0";
  out += isPlainHostName("www.test") ? "1" : "0";
  out += isPlainHostName("::1") ? "1" : "0";
  out += isPlainHostName("") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
