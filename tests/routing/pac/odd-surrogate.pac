// Half a character.
// ask: wss://h.test/ => PROXY \ud800:1; DIRECT
function FindProxyForURL(url, host) {
  return "PROXY \ud800:1; DIRECT";
}
