// A byte order mark that an editor has left.
// ask: wss://a.test/ => PROXY bom:1
﻿function FindProxyForURL(url, host) {
  return "PROXY bom:1";
}
