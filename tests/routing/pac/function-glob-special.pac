// shExpMatch with what is special elsewhere: one digit for each example.
// ask: wss://h.test/ => PROXY r11011:1
function FindProxyForURL(url, host) {
  var out = "";
  out += shExpMatch("a+b", "a+b") ? "1" : "0";
  out += shExpMatch("(x)", "(x)") ? "1" : "0";
  out += shExpMatch("b", "[abc]") ? "1" : "0";
  out += shExpMatch("a|b", "a|b") ? "1" : "0";
  out += shExpMatch("$1", "$*") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
