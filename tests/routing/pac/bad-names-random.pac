// Another name at each run.
// ask: wss://h.test/ => !NAMES
function FindProxyForURL(url, host) {
  dnsResolve("h" + Math.random() + ".test");
  return "DIRECT";
}
