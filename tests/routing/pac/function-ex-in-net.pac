// Microsoft's isInNetEx: one digit for each example.
// ask: wss://h.test/ => PROXY r111000:1
function FindProxyForURL(url, host) {
  var out = "";
  out += isInNetEx("198.95.249.79", "198.95.249.79/32") ? "1" : "0";
  out += isInNetEx("198.95.115.10", "198.95.0.0/16") ? "1" : "0";
  out += isInNetEx("3ffe:8311:ffff:abcd:1234:dead:beef:101", "3ffe:8311:ffff::/48") ? "1" : "0";
  out += isInNetEx("3ffe:8312::1", "3ffe:8311::/32") ? "1" : "0";
  out += isInNetEx("10.0.0.1", "fd00::/8") ? "1" : "0";
  out += isInNetEx("10.0.0.1", "10.0.0.0/33") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
