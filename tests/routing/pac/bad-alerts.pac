// A flood of alerts.
// ask: wss://h.test/ => DIRECT
function FindProxyForURL(url, host) {
  for (var i = 0; i < 1000; i++) alert(Array(1000).join("x"));
  return "DIRECT";
}
