// All addresses of this machine.
// mine: 10.0.0.5, fd00::5
// ask: wss://h.test/ => PROXY 10.0.0.5 fd00::5:1
function FindProxyForURL(url, host) {
  return "PROXY " + myIpAddressEx().split(";").join(" ") + ":1";
}
