// All addresses of a name, IPv6 too.
// name: h.test = 10.0.0.1, fd00::1
// ask: wss://h.test/ => PROXY 10.0.0.1+fd00::1:1
// ask: wss://none.test/ => DIRECT
function FindProxyForURL(url, host) {
  var all = dnsResolveEx(host);
  return all === "" || !isResolvableEx(host) ? "DIRECT" : "PROXY " + all.split(";").join("+") + ":1";
}
