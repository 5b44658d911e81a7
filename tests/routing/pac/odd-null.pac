// null is no answer.
// ask: wss://h.test/ => !NO_TEXT null
function FindProxyForURL(url, host) {
  return null;
}
