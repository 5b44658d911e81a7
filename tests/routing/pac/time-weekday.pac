// weekdayRange on a Wednesday: one digit for each example.
// time: 2026-03-04T10:30:15Z
// ask: wss://h.test/ => PROXY r1010011:1
function FindProxyForURL(url, host) {
  var out = "";
  out += weekdayRange("MON", "FRI") ? "1" : "0";
  out += weekdayRange("SAT", "SUN") ? "1" : "0";
  out += weekdayRange("WED") ? "1" : "0";
  out += weekdayRange("THU") ? "1" : "0";
  out += weekdayRange("FRI", "MON") ? "1" : "0";
  out += weekdayRange("TUE", "SUN", "GMT") ? "1" : "0";
  out += weekdayRange("WED", "GMT") ? "1" : "0";
  return "PROXY r" + out + ":1";
}
