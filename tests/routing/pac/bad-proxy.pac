// An object that throws whatever is done with it.
// ask: wss://h.test/ => !THREW Error: no
function FindProxyForURL(url, host) {
  return new Proxy({}, { get: function () { throw new Error("no"); } }) + "";
}
