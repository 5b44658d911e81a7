// shExpMatch: one digit for each example.
// ask: wss://h.test/ => PROXY r1010100110:1
function FindProxyForURL(url, host) {
  var out = "";
  out += shExpMatch("http://h/a/b", "*/a/*") ? "1" : "0";
  out += shExpMatch("http://h/b", "*/a/*") ? "1" : "0";
  out += shExpMatch("abc", "a?c") ? "1" : "0";
  out += shExpMatch("ac", "a?c") ? "1" : "0";
  out += shExpMatch("a.c", "a.c") ? "1" : "0";
  out += shExpMatch("abc", "a.c") ? "1" : "0";
  out += shExpMatch("ABC", "abc") ? "1" : "0";
  out += shExpMatch("", "*") ? "1" : "0";
  out += shExpMatch("a", "**a**") ? "1" : "0";
  out += shExpMatch("ab", "a") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
