// A script that breaks the language for itself.
// ask: wss://h.test/ => PROXY still:1
JSON.stringify = null; Array.prototype.push = null; Object.prototype.toString = null;
function FindProxyForURL(url, host) {
  return "PROXY still:1";
}
