// No return at all.
// ask: wss://h.test/ => !NO_TEXT undefined
function FindProxyForURL(url, host) {
  host = host;
}
