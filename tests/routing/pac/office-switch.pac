// switch, arrays and modern JavaScript.
// ask: wss://a.test/ => PROXY one:1
// ask: wss://z.test/ => DIRECT
const table = new Map([["a.test", "PROXY one:1"], ["b.test", "PROXY two:2"]]);
const FindProxyForURL = (url, host) => table.get(host) ?? "DIRECT";
