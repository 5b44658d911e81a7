// A host that is an IPv6 address comes without brackets.
// ask: wss://[2001:db8::1]/ => PROXY six:1
function FindProxyForURL(url, host) {
  return host === "2001:db8::1" ? "PROXY six:1" : "DIRECT";
}
