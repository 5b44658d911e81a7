// A name with an IPv6 address alone: dnsResolve knows none, dnsResolveEx does.
// name: six.test = fd00::6
// ask: wss://six.test/ => PROXY fd00::6:1
function FindProxyForURL(url, host) {
  return dnsResolve(host) === null && !isResolvable(host) ? "PROXY " + dnsResolveEx(host) + ":1" : "DIRECT";
}
