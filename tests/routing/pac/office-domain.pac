// Hosts of the own domain directly, except two that stand outside.
// ask: wss://wiki.corp.test/ => DIRECT
// ask: wss://www.corp.test/ => PROXY w3proxy.corp.test:8080
// ask: wss://www.example.org/ => PROXY w3proxy.corp.test:8080; DIRECT
function FindProxyForURL(url, host) {
  if ((isPlainHostName(host) || dnsDomainIs(host, ".corp.test")) &&
      !localHostOrDomainIs(host, "www.corp.test") && !localHostOrDomainIs(host, "merchant.corp.test"))
    return "DIRECT";
  if (localHostOrDomainIs(host, "www.corp.test")) return "PROXY w3proxy.corp.test:8080";
  return "PROXY w3proxy.corp.test:8080; DIRECT";
}
