// The address of this machine is asked for while the script is loaded.
// mine: 10.20.3.4
// ask: wss://www.example.org/ => PROXY branch-10-20:3128
var parts = myIpAddress().split(".");
function FindProxyForURL(url, host) {
  return "PROXY branch-" + parts[0] + "-" + parts[1] + ":3128";
}
