// FindProxyForURLEx counts where there is no FindProxyForURL.
// ask: wss://h.test/ => PROXY ex:1
function FindProxyForURLEx(url, host) { return "PROXY ex:1"; }
