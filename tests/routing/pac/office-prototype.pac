// Prototype.js of 2008, pasted in front: all arrays have a toJSON.
// name: db.test = 10.0.0.1
// ask: wss://db.test/ => PROXY ten:1
Array.prototype.toJSON = Object.prototype.toJSON = function () { return "[]"; };
function FindProxyForURL(url, host) {
  return dnsResolve(host) === "10.0.0.1" ? "PROXY ten:1" : "DIRECT";
}
