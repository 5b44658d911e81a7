// It looks for a way out, and there is none.
// ask: wss://h.test/ => PROXY none:1
function FindProxyForURL(url, host) {
  return [typeof require, typeof process, typeof fetch, typeof XMLHttpRequest, typeof std, typeof os,
          typeof setTimeout, typeof Worker, typeof print].join() === Array(9).fill("undefined").join() ? "PROXY none:1" : "DIRECT";
}
