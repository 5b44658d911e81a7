// It is no JavaScript.
// ask: wss://h.test/ => !MALFORMED
function FindProxyForURL(url, host) {
  return "DIRECT"
