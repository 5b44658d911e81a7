// A megabyte of answer.
// ask: wss://h.test/ => !NO_TEXT a text that is too long
function FindProxyForURL(url, host) {
  return Array(1e6).join("x");
}
