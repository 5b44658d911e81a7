// isInNet with what is no network: one digit for each example.
// ask: wss://h.test/ => PROXY r0000:1
function FindProxyForURL(url, host) {
  var out = "";
  out += isInNet("1.2.3.4", "1.2.3", "255.0.0.0") ? "1" : "0";
  out += isInNet("1.2.3.4", "1.2.3.4", "8") ? "1" : "0";
  out += isInNet("1.2.3.400", "1.2.3.4", "255.0.0.0") ? "1" : "0";
  out += isInNet("::1", "0.0.0.0", "0.0.0.0") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
