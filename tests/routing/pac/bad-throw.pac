// It throws an error.
// ask: wss://h.test/ => !THREW Error: no way
function FindProxyForURL(url, host) {
  throw new Error("no way");
}
