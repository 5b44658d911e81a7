// Another proxy out of hours, by the clock of Greenwich.
// time: 2026-03-07T10:30:15Z
// ask: wss://h.test/ => PROXY weekend:1
function FindProxyForURL(url, host) {
  if (weekdayRange("MON", "FRI", "GMT") && timeRange(7, 18, "GMT")) return "PROXY office:1";
  return "PROXY weekend:1";
}
