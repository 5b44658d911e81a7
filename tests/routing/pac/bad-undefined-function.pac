// It calls what does not exist.
// ask: wss://h.test/ => !THREW ReferenceError: noSuchFunction is not defined
function FindProxyForURL(url, host) {
  return noSuchFunction(host);
}
