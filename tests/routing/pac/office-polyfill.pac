// A script that brings String.prototype.startsWith, as copies from the web do.
// ask: wss://a.test/ => PROXY p:1
if (!String.prototype.startsWith) String.prototype.startsWith = function (s) { return this.indexOf(s) === 0; };
function FindProxyForURL(url, host) {
  return url.startsWith("wss://a.") ? "PROXY p:1" : "DIRECT";
}
