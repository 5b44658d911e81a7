// alert() is for debugging, and changes nothing.
// ask: wss://a.test/ => DIRECT
function FindProxyForURL(url, host) {
  alert("asked for " + host);
  return "DIRECT";
}
