// Microsoft's sortIpAddressList: one digit for each example.
// ask: wss://h.test/ => PROXY r11:1
function FindProxyForURL(url, host) {
  var out = "";
  out += sortIpAddressList("10.2.3.9;2001:4898:28:3:201:2ff:feea:fc14;::1;127.0.0.1;::9") === "::1;::9;2001:4898:28:3:201:2ff:feea:fc14;10.2.3.9;127.0.0.1" ? "1" : "0";
  out += sortIpAddressList("10.0.0.1") === "10.0.0.1" ? "1" : "0";
  return "PROXY r" + out + ":1";
}
