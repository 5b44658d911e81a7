// A table of domains, as generated scripts have it.
// ask: wss://a.b.blocked.test/ => PROXY filter:8080
// ask: wss://unblocked.test/ => DIRECT
// ask: wss://blocked.test/ => PROXY filter:8080
var domains = { "blocked.test": 1, "other.test": 1 };
var has = Object.prototype.hasOwnProperty;
function FindProxyForURL(url, host) {
  var suffix = host, dot;
  while (true) {
    if (has.call(domains, suffix)) return "PROXY filter:8080";
    dot = suffix.indexOf(".");
    if (dot < 0) return "DIRECT";
    suffix = suffix.substring(dot + 1);
  }
}
