// A function that calls itself for ever.
// ask: wss://h.test/ => !TOO_DEEP
function FindProxyForURL(url, host) {
  return FindProxyForURL(url, host);
}
