// A property that loops when somebody looks.
// ask: wss://h.test/ => !TOO_LONG
Object.defineProperty(this, "FindProxyForURL", { get: function () { for (;;) {} } });
