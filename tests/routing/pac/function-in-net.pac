// isInNet with addresses: one digit for each example.
// ask: wss://h.test/ => PROXY r1011:1
function FindProxyForURL(url, host) {
  var out = "";
  out += isInNet("192.0.2.9", "192.0.2.0", "255.255.255.0") ? "1" : "0";
  out += isInNet("192.0.3.9", "192.0.2.0", "255.255.255.0") ? "1" : "0";
  out += isInNet("1.2.3.4", "0.0.0.0", "0.0.0.0") ? "1" : "0";
  out += isInNet("1.2.3.4", "1.2.3.4", "255.255.255.255") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
