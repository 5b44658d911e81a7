// A script that catches what ends its runs.
// name: h0.test = 10.0.0.0
// name: h1.test = 10.0.0.1
// name: h2.test = 10.0.0.2
// name: h3.test = 10.0.0.3
// name: h4.test = 10.0.0.4
// ask: wss://h.test/ => PROXY found5:1
function FindProxyForURL(url, host) {
  var found = 0;
  for (var i = 0; i < 5; i++) try { if (dnsResolve("h" + i + ".test")) found++; } catch (e) {}
  return "PROXY found" + found + ":1";
}
