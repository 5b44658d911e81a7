// By the port that stands in the URL.
// ask: wss://h.test:8443/ => PROXY special:1
// ask: wss://h.test/ => DIRECT
function FindProxyForURL(url, host) {
  return /:8443\//.test(url) ? "PROXY special:1" : "DIRECT";
}
