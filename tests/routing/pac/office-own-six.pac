// A machine that has IPv6 alone has no address for a script of old.
// mine: fd00::5
// ask: wss://h.test/ => PROXY 127.0.0.1:1
function FindProxyForURL(url, host) {
  return "PROXY " + myIpAddress() + ":1";
}
