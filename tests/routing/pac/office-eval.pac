// A packed script that unpacks itself.
// ask: wss://a.test/ => PROXY packed:1
eval(["func", "tion FindProxyForURL(url, host) { return 'PROXY pack", "ed:1'; }"].join(""));
