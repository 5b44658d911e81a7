// Two names are looked up one after the other, the second because of the first.
// name: first.test = 10.0.0.1
// name: second.test = 10.0.0.2
// ask: wss://a.test/ => PROXY second:2
function FindProxyForURL(url, host) {
  if (dnsResolve("first.test") === "10.0.0.1" && dnsResolve("second.test") === "10.0.0.2")
    return "PROXY second:2";
  return "DIRECT";
}
