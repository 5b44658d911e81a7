// An endless loop that catches all.
// ask: wss://h.test/ => !TOO_LONG
function FindProxyForURL(url, host) {
  for (;;) { try { for (;;) {} } catch (e) {} }
}
