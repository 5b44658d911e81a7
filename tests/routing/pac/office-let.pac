// let and template strings; the function is a property of nothing.
// ask: wss://a.test/ => PROXY a.test:80
let FindProxyForURL = function (url, host) { return `PROXY ${host}:80`; };
