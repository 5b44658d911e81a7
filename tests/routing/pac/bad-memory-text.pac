// A text that doubles for ever.
// ask: wss://h.test/ => !TOO_LARGE
function FindProxyForURL(url, host) {
  var s = "x";
  for (;;) s = [s, s].join("y");
}
