// An endless loop.
// ask: wss://h.test/ => !TOO_LONG
function FindProxyForURL(url, host) {
  for (;;) {}
}
