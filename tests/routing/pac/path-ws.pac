// Those of ws anybody on the way can read.
// ask: ws://h.test/feed/a?b=1 => PROXY feed:1
// ask: ws://h.test/ => DIRECT
function FindProxyForURL(url, host) {
  return shExpMatch(url, "ws://h.test/feed/*") ? "PROXY feed:1" : "DIRECT";
}
