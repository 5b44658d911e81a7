// A name of other letters comes as the wire has it.
// ask: wss://bücher.test/ => PROXY xn--bcher-kva.test:1
function FindProxyForURL(url, host) {
  return "PROXY " + host + ":1";
}
