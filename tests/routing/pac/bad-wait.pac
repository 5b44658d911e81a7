// It tries to sleep for ever.
// ask: wss://h.test/ => !THREW TypeError
function FindProxyForURL(url, host) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0);
  return "DIRECT";
}
