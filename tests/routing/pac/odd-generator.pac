// A generator.
// ask: wss://h.test/ => !NO_TEXT object
function* FindProxyForURL(url, host) {
  yield "DIRECT";
}
