// Load is shared by a hash of the host.
// ask: wss://www.example.org/ => PROXY p1:8080; PROXY p2:8080
// ask: wss://www.example.com/ => PROXY p2:8080; PROXY p1:8080
function FindProxyForURL(url, host) {
  var sum = 0;
  for (var i = 0; i < host.length; i++) sum += host.charCodeAt(i);
  return sum % 2 ? "PROXY p1:8080; PROXY p2:8080" : "PROXY p2:8080; PROXY p1:8080";
}
