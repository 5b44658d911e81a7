// Old scripts know schemes that nobody asks about.
// ask: wss://h.test/ => PROXY web:8080
function FindProxyForURL(url, host) {
  if (shExpMatch(url, "ftp:*")) return "PROXY ftp:1";
  if (shExpMatch(url, "gopher:*")) return "PROXY gopher:1";
  if (shExpMatch(url, "*://h.test*")) return "PROXY web:8080";
  return "DIRECT";
}
