// An object that has a text.
// ask: wss://h.test/ => !NO_TEXT object
function FindProxyForURL(url, host) {
  return { toString: function () { return "PROXY a:1"; } };
}
