// dateRange and others with nonsense: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r00000:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dateRange("FOO") ? "1" : "0";
  out += dateRange() ? "1" : "0";
  out += weekdayRange("FOO") ? "1" : "0";
  out += timeRange() ? "1" : "0";
  out += dateRange(1, "JAN", 2) ? "1" : "0";
  return "PROXY r" + out + ":1";
}
