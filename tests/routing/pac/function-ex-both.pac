// Where both are there, FindProxyForURL does.
// ask: wss://h.test/ => PROXY plain:1
function FindProxyForURLEx(url, host) { return "PROXY ex:1"; }
function FindProxyForURL(url, host) {
  return "PROXY plain:1";
}
