// Directly what resolves here, the rest through the proxy.
// name: db.corp.test = 10.0.0.7
// ask: wss://db.corp.test/ => DIRECT
// ask: wss://outside.test/ => PROXY proxy:8080
function FindProxyForURL(url, host) {
  return isResolvable(host) ? "DIRECT" : "PROXY proxy:8080";
}
