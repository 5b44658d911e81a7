// A machine in two networks: the first address that is one of IPv4 counts.
// mine: fd00::5, 10.0.0.5, 192.168.7.7
// ask: wss://h.test/ => PROXY ten:1
function FindProxyForURL(url, host) {
  return isInNet(myIpAddress(), "10.0.0.0", "255.0.0.0") ? "PROXY ten:1" : "DIRECT";
}
