// dnsDomainLevels: one digit for each example.
// ask: wss://h.test/ => PROXY r11:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dnsDomainLevels("www") === 0 ? "1" : "0";
  out += dnsDomainLevels("a.b.c.test") === 3 ? "1" : "0";
  return "PROXY r" + out + ":1";
}
