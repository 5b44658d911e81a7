// A table in JSON, and what the language has learned since.
// ask: wss://www.a.test/ => PROXY a:1; DIRECT
// ask: wss://h.test/ => DIRECT
const rules = JSON.parse('{"a.test": ["PROXY a:1", "DIRECT"]}');
function FindProxyForURL(url, host) {
  for (const [domain, ways] of Object.entries(rules))
    if (host === domain || host.endsWith(`.${domain}`)) return ways.join("; ");
  return "DIRECT";
}
