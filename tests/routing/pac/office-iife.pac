// A script that hides all but one name in a function, as bundlers make it.
// ask: wss://a.test/ => PROXY p:1
(function (root) {
  "use strict";
  var rules = [[/^a\./, "PROXY p:1"]];
  root.FindProxyForURL = function (url, host) {
    for (var i = 0; i < rules.length; i++) if (rules[i][0].test(host)) return rules[i][1];
    return "DIRECT";
  };
})(this);
