// A counter in a global variable: each question is answered by a script of its own.
// ask: wss://a.test/ => PROXY p1:1
// ask: wss://b.test/ => PROXY p1:1
var count = 0;
function FindProxyForURL(url, host) {
  count++;
  return "PROXY p" + count + ":1";
}
