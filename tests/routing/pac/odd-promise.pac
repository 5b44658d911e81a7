// A promise, which nobody awaits.
// ask: wss://h.test/ => !NO_TEXT object
function FindProxyForURL(url, host) {
  return Promise.resolve("PROXY a:1");
}
