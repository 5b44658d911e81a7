// A number.
// ask: wss://h.test/ => !NO_TEXT number
function FindProxyForURL(url, host) {
  return 5;
}
