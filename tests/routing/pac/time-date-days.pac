// dateRange with days and months: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r1010101:1
function FindProxyForURL(url, host) {
  var out = "";
  out += dateRange(1, "MAR", 31, "MAR") ? "1" : "0";
  out += dateRange(1, "JUN", 15, "AUG") ? "1" : "0";
  out += dateRange("MAR", 2026, "MAR", 2026) ? "1" : "0";
  out += dateRange("OCT", 1995, "MAR", 1996) ? "1" : "0";
  out += dateRange(4, "MAR", 2026, 4, "MAR", 2026) ? "1" : "0";
  out += dateRange(1, "JUN", 1995, 15, "AUG", 1995) ? "1" : "0";
  out += dateRange(1, "JAN", 2026, 31, "DEC", 2026, "GMT") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
