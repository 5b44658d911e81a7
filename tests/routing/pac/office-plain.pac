// The first example of every manual: plain names directly, the rest through the proxy.
// ask: wss://intranet/ => DIRECT
// ask: wss://www.example.org/ => PROXY proxy.corp:8080; DIRECT
function FindProxyForURL(url, host) {
  if (isPlainHostName(host)) return "DIRECT";
  return "PROXY proxy.corp:8080; DIRECT";
}
