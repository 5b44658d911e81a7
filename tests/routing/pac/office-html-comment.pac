// An HTML comment before the script: the language has allowed that since 1996.
// ask: wss://a.test/ => PROXY c:1
<!-- proxy.pac
function FindProxyForURL(url, host) {
  return "PROXY c:1";
}
