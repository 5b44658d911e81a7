// Brackets without end, for a reader that calls itself.
// ask: wss://h.test/ => !TOO_DEEP
function FindProxyForURL(url, host) {
  return JSON.parse(Array(1000000).join("[")) + "";
}
