// Names of a cloud with wildcards, as vendors' templates have them.
// ask: wss://a.cloud.test/ => DIRECT
// ask: wss://eu.login.cloud.test/ => DIRECT
// ask: wss://cloud.test.evil.test/ => PROXY gw:9443
function FindProxyForURL(url, host) {
  if (shExpMatch(host, "*.cloud.test") || shExpMatch(host, "login?.cloud.test")) return "DIRECT";
  return "PROXY gw:9443";
}
