// An async function gives a promise.
// ask: wss://h.test/ => !NO_TEXT object
async function FindProxyForURL(url, host) { return "DIRECT"; }
