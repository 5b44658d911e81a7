// Private networks by a pattern over the address, and plain names: the first lines of many vendors' templates.
// name: db.corp.test = 172.20.0.7
// name: www.example.org = 192.0.2.80
// ask: wss://db.corp.test/ => DIRECT
// ask: wss://www.example.org/ => PROXY gateway.test:80; PROXY gateway2.test:80; DIRECT
// ask: wss://nowhere.test/ => PROXY gateway.test:80; PROXY gateway2.test:80; DIRECT
// ask: wss://intranet/ => DIRECT
function FindProxyForURL(url, host) {
  var privateIP = /^(0|10|127|192\.168|172\.1[6789]|172\.2[0-9]|172\.3[01]|169\.254|192\.88\.99)\.[0-9.]+$/;
  var resolved_ip = dnsResolve(host);
  if (isPlainHostName(host) || isInNet(resolved_ip, "192.0.2.0", "255.255.255.252") || privateIP.test(resolved_ip))
    return "DIRECT";
  if (url.substring(0, 4) == "ftp:") return "DIRECT";
  return "PROXY gateway.test:80; PROXY gateway2.test:80; DIRECT";
}
