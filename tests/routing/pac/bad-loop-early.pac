// An endless loop while it is loaded.
// ask: wss://h.test/ => !TOO_LONG
while (true);
function FindProxyForURL(url, host) {
  return "DIRECT";
}
