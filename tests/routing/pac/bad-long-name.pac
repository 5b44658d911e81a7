// A name that is longer than any.
// ask: wss://h.test/ => PROXY none:1
function FindProxyForURL(url, host) {
  return dnsResolve(Array(300).join("x") + ".test") ? "DIRECT" : "PROXY none:1";
}
