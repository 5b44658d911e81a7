// A dot behind the name, which some put there to avoid search domains.
// ask: wss://www.corp.test./ => PROXY dot:1
function FindProxyForURL(url, host) {
  return dnsDomainIs(host, ".corp.test.") ? "PROXY dot:1" : "DIRECT";
}
