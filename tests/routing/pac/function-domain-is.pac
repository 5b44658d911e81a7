// dnsDomainIs: one digit for each example.
// ask: wss://h.test/ => PROXY r1010:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dnsDomainIs("www.test", ".test") ? "1" : "0";
  out += dnsDomainIs("test", ".test") ? "1" : "0";
  out += dnsDomainIs("notatest", "test") ? "1" : "0";
  out += dnsDomainIs("www.TEST", ".test") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
