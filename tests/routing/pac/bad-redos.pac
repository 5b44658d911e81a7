// A regular expression that takes exponential time.
// ask: wss://h.test/ => !TOO_LONG
function FindProxyForURL(url, host) {
  return /^(a+)+$/.test(Array(40).join("a") + "b") ? "DIRECT" : "DIRECT";
}
