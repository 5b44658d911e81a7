// What is no name has no address.
// ask: wss://h.test/ => PROXY r1111:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dnsResolve("") === null ? "1" : "0";
  out += dnsResolve("a b") === null ? "1" : "0";
  out += dnsResolve(undefined) === null ? "1" : "0";
  out += dnsResolve("1.2.3.4") === "1.2.3.4" ? "1" : "0";
  return "PROXY r" + out + ":1";
}
