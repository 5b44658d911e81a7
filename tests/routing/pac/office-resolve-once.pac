// One look-up, many networks: how large scripts save time.
// name: db.corp.test = 10.1.0.7
// name: lab.corp.test = 10.2.0.7
// ask: wss://db.corp.test/ => PROXY east:1
// ask: wss://lab.corp.test/ => PROXY west:2
// ask: wss://nowhere.test/ => DIRECT
function FindProxyForURL(url, host) {
  var ip = dnsResolve(host);
  if (!ip) return "DIRECT";
  if (isInNet(ip, "10.1.0.0", "255.255.0.0")) return "PROXY east:1";
  if (isInNet(ip, "10.2.0.0", "255.255.0.0")) return "PROXY west:2";
  return "PROXY other:3";
}
