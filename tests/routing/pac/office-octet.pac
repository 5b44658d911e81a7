// Load is shared by the last part of this machine's address.
// mine: 10.20.3.5
// ask: wss://h.test/ => PROXY odd.test:8080; PROXY even.test:8080
function FindProxyForURL(url, host) {
  var last = myIpAddress().split(".")[3];
  return last % 2 == 0 ? "PROXY even.test:8080; PROXY odd.test:8080" : "PROXY odd.test:8080; PROXY even.test:8080";
}
