// A class is no function to be called.
// ask: wss://h.test/ => !THREW TypeError
class FindProxyForURL {}
