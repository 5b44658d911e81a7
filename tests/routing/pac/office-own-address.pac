// By the address of this machine: at headquarters, or elsewhere.
// mine: 10.20.3.4
// ask: wss://www.example.org/ => PROXY hq:3128
function FindProxyForURL(url, host) {
  return isInNet(myIpAddress(), "10.20.0.0", "255.255.0.0") ? "PROXY hq:3128" : "DIRECT";
}
