// Host and URL are made lower case first; a host in capitals is one already.
// ask: wss://WWW.Example.ORG/ => PROXY lower:1
function FindProxyForURL(url, host) {
  host = host.toLowerCase();
  url = url.toLowerCase();
  return host === "www.example.org" ? "PROXY lower:1" : "DIRECT";
}
