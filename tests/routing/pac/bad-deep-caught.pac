// The same, with a way out.
// ask: wss://h.test/ => PROXY caught:1
function f() { return f(); }
function FindProxyForURL(url, host) {
  try { f(); } catch (e) { return "PROXY caught:1"; }
}
