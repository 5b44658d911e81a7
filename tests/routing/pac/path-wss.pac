// Path and query of wss are nobody's business.
// ask: wss://h.test/secret/path?token=1 => PROXY h.test:1
function FindProxyForURL(url, host) {
  return url === "wss://h.test/" ? "PROXY " + host + ":1" : "PROXY leak:1";
}
