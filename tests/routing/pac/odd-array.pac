// A list of JavaScript's.
// ask: wss://h.test/ => !NO_TEXT object
function FindProxyForURL(url, host) {
  return ["PROXY a:1"];
}
