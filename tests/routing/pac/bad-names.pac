// A hundred names.
// ask: wss://h.test/ => !NAMES
function FindProxyForURL(url, host) {
  for (var i = 0; i < 100; i++) dnsResolve("h" + i + ".test");
  return "DIRECT";
}
