// By the scheme, with substring, as in the examples of old.
// ask: wss://h.test/ => SOCKS5 s:1080
// ask: ws://h.test/ => PROXY p:80
// ask: tls://h.test:8443 => HTTPS t:443
function FindProxyForURL(url, host) {
  if (url.substring(0, 4) == "wss:") return "SOCKS5 s:1080";
  if (url.substring(0, 3) == "ws:") return "PROXY p:80";
  if (url.substring(0, 6) == "https:") return "HTTPS t:443";
  return "DIRECT";
}
