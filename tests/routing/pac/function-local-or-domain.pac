// localHostOrDomainIs: one digit for each example.
// ask: wss://h.test/ => PROXY r1100:1
function FindProxyForURL(url, host) {
  var out = "";
  out += localHostOrDomainIs("www.test", "www.test") ? "1" : "0";
  out += localHostOrDomainIs("www", "www.test") ? "1" : "0";
  out += localHostOrDomainIs("www.other", "www.test") ? "1" : "0";
  out += localHostOrDomainIs("ww", "www.test") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
