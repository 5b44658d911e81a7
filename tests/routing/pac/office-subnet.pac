// Private networks directly, by the address of the host.
// name: db.corp.test = 10.0.0.7
// name: www.example.org = 192.0.2.80
// ask: wss://db.corp.test/ => DIRECT
// ask: wss://www.example.org/ => PROXY proxy:8080
// ask: wss://172.20.1.1/ => DIRECT
// ask: wss://172.32.1.1/ => PROXY proxy:8080
// ask: wss://192.168.7.7/ => DIRECT
function FindProxyForURL(url, host) {
  if (isInNet(host, "10.0.0.0", "255.0.0.0") || isInNet(host, "172.16.0.0", "255.240.0.0") ||
      isInNet(host, "192.168.0.0", "255.255.0.0") || isInNet(host, "127.0.0.0", "255.0.0.0"))
    return "DIRECT";
  return "PROXY proxy:8080";
}
