// It throws a text.
// ask: wss://h.test/ => !THREW no way
function FindProxyForURL(url, host) {
  throw "no way";
}
