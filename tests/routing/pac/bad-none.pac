// The function has another name.
// ask: wss://h.test/ => !NO_FUNCTION
function findproxyforurl(url, host) { return "DIRECT"; } // FindProxyForURL
