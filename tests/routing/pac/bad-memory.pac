// A list that grows for ever.
// ask: wss://h.test/ => !TOO_LARGE
function FindProxyForURL(url, host) {
  var a = [];
  for (;;) a.push(new Array(100000).fill(1));
}
