// A script brings a function of its own under a standard's name.
// ask: wss://a.test/ => PROXY mine:1
function isPlainHostName(host) { return true; }
function FindProxyForURL(url, host) {
  return isPlainHostName(host) ? "PROXY mine:1" : "DIRECT";
}
