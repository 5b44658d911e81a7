// The functions that a PAC script may call, and the bridge over which Python asks.
//
// Written from their documented behaviour: Netscape's page of 1996 as MDN keeps it ("Proxy
// Auto-Configuration file") and Microsoft's of the Ex functions (WinHTTP, "IPv6 extensions").
// Where those are silent or vague, what Firefox and Chromium do counts:
//
// * The end of a range is part of it: timeRange(9, 17) goes to 17:59:59. A range whose end is
//   before its beginning goes over midnight, the weekend or the turn of the year.
// * shExpMatch knows * and ? alone. Each star is tried again from the last one only, so that no
//   pattern takes exponential time.
//
// There is no I/O here. What is known of names comes in with the question; a name that is not
// known yet ends the run with a throw, and stays in `wanted`. Whatever the script does with what
// was thrown, its answer does not count then. See _pac.py.
//
// The file is one expression: its value is the bridge, which the script cannot reach. It keeps
// what it needs of the language before the script can change that.
(function (global) {
  "use strict";

  var RealDate = Date, stringify = JSON.stringify, parse = JSON.parse, text = String;
  var create = Object.create, has = Function.prototype.call.bind(Object.prototype.hasOwnProperty);
  var UNKNOWN = { toString: function () { return "a name has to be looked up first"; } };
  var MINE = "\u0000mine"; // no name can be that
  var MAX_ALERTS = 20, MAX_ALERT = 200, MAX_NAME = 255, MAX_ANSWER = 65536; // characters
  var known = create(null), wanted = null, alerts = create(null), alerted = 0, now = 0;

  // --- names ------------------------------------------------------------------------------

  function look(name) {
    if (has(known, name)) return known[name];
    if (wanted === null) wanted = name;
    throw UNKNOWN;
  }

  function addresses(host) {
    if (typeof host !== "string" || host === "" || host.length > MAX_NAME) return [];
    if (bytesOf(host)) return [host];
    return look(host.toLowerCase());
  }

  function firstIPv4(list) {
    for (var i = 0; i < list.length; i++) if (list[i].indexOf(":") < 0) return list[i];
    return null;
  }

  // --- addresses --------------------------------------------------------------------------

  function ipv4(address) {
    var parts = text(address).split("."), bytes = [];
    if (parts.length !== 4) return null;
    for (var i = 0; i < 4; i++) {
      if (!/^[0-9]{1,3}$/.test(parts[i]) || +parts[i] > 255) return null;
      bytes.push(+parts[i]);
    }
    return bytes;
  }

  function groups(part, bytes) { // one side of "::"
    if (part === "") return true;
    var words = part.split(":");
    for (var i = 0; i < words.length; i++) {
      if (words[i].indexOf(".") >= 0 && i === words.length - 1) {
        var tail = ipv4(words[i]);
        if (!tail) return false;
        bytes.push(tail[0], tail[1], tail[2], tail[3]);
      } else if (/^[0-9a-f]{1,4}$/i.test(words[i])) {
        var value = parseInt(words[i], 16);
        bytes.push(value >> 8, value & 255);
      } else return false;
    }
    return true;
  }

  function ipv6(address) { // RFC 4291 section 2.2, without zone
    if (address.length > 45 || address.indexOf(":") < 0) return null;
    var halves = address.split("::"), front = [], back = [];
    if (halves.length > 2 || !groups(halves[0], front)) return null;
    if (halves.length === 1) return front.length === 16 ? front : null;
    if (!groups(halves[1], back) || front.length + back.length > 14) return null;
    while (front.length + back.length < 16) front.push(0);
    return front.concat(back);
  }

  function bytesOf(address) { return ipv4(address) || ipv6(text(address)); }

  function trimmed(address) { return text(address).replace(/^\s+|\s+$/g, ""); }

  function inPrefix(address, prefix) {
    var parts = trimmed(prefix).split("/"), base = bytesOf(parts[0]);
    if (parts.length !== 2 || !base || base.length !== address.length) return false;
    if (!/^[0-9]{1,3}$/.test(parts[1]) || +parts[1] > base.length * 8) return false;
    for (var i = 0, left = +parts[1]; left > 0; i++, left -= 8) {
      var mask = left >= 8 ? 255 : 255 & (255 << (8 - left));
      if ((address[i] & mask) !== (base[i] & mask)) return false;
    }
    return true;
  }

  function ordered(a, b) { // IPv6 first, then by value
    if (a.bytes.length !== b.bytes.length) return b.bytes.length - a.bytes.length;
    for (var i = 0; i < a.bytes.length; i++)
      if (a.bytes[i] !== b.bytes[i]) return a.bytes[i] - b.bytes[i];
    return 0;
  }

  // --- times ------------------------------------------------------------------------------

  var DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
  var MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

  function clock(gmt) {
    var date = new RealDate(now);
    return gmt
      ? { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate(),
          weekday: date.getUTCDay(), hour: date.getUTCHours(), minute: date.getUTCMinutes(),
          second: date.getUTCSeconds() }
      : { year: date.getFullYear(), month: date.getMonth(), day: date.getDate(),
          weekday: date.getDay(), hour: date.getHours(), minute: date.getMinutes(),
          second: date.getSeconds() };
  }

  // The arguments without "GMT", and the time that they are to be compared with.
  function asked(list) {
    var values = Array.prototype.slice.call(list);
    var last = values[values.length - 1];
    var gmt = typeof last === "string" && last.toUpperCase() === "GMT";
    if (gmt) values.pop();
    return { values: values, at: clock(gmt) };
  }

  function between(from, value, to) {
    return from <= to ? from <= value && value <= to : value >= from || value <= to;
  }

  function place(name, names) {
    return names.indexOf(text(name).toUpperCase());
  }

  // What a value of dateRange is: a month by its name, a day up to 31, else a year.
  function kind(value) {
    if (place(value, MONTHS) >= 0) return "month";
    var number = Number(value);
    if (value === "" || value === null || !(number >= 1 && number <= 9999)) return "";
    return number <= 31 ? "day" : "year";
  }

  function amount(value) {
    var month = place(value, MONTHS);
    return month >= 0 ? month : Number(value);
  }

  // Makes one number of what a range compares, the largest unit first.
  function weight(kinds, pick) {
    var sum = 0;
    if (kinds.indexOf("year") >= 0) sum += pick("year") * 512;
    if (kinds.indexOf("month") >= 0) sum += pick("month") * 32;
    if (kinds.indexOf("day") >= 0) sum += pick("day");
    return sum;
  }

  function seconds(hour, minute, second) {
    return Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  }

  // --- what scripts call ------------------------------------------------------------------

  var functions = {
    isPlainHostName: function (host) { return !/[.:]/.test(text(host)); },
    dnsDomainIs: function (host, domain) {
      host = text(host);
      domain = text(domain);
      return host.length >= domain.length &&
        host.substring(host.length - domain.length) === domain;
    },
    localHostOrDomainIs: function (host, domain) {
      host = text(host);
      domain = text(domain);
      return host === domain || domain.lastIndexOf(host + ".", 0) === 0;
    },
    isResolvable: function (host) { return firstIPv4(addresses(host)) !== null; },
    isInNet: function (host, pattern, mask) {
      var base = ipv4(pattern), bits = ipv4(mask), address = ipv4(host);
      if (!base || !bits) return false;
      if (!address) address = ipv4(firstIPv4(addresses(host)));
      if (!address) return false;
      for (var i = 0; i < 4; i++) if ((address[i] & bits[i]) !== (base[i] & bits[i])) return false;
      return true;
    },
    dnsResolve: function (host) { return firstIPv4(addresses(host)); },
    myIpAddress: function () { return firstIPv4(look(MINE)) || "127.0.0.1"; },
    dnsDomainLevels: function (host) { return text(host).split(".").length - 1; },
    shExpMatch: function (string, pattern) {
      string = text(string);
      pattern = text(pattern);
      var s = 0, p = 0, star = -1, mark = 0;
      while (s < string.length) {
        if (pattern[p] === "*") { star = p++; mark = s; }
        else if (pattern[p] === "?" || (p < pattern.length && pattern[p] === string[s])) {
          s++;
          p++;
        } else if (star >= 0) { p = star + 1; s = ++mark; }
        else return false;
      }
      while (pattern[p] === "*") p++;
      return p === pattern.length;
    },
    weekdayRange: function () {
      var q = asked(arguments), from = place(q.values[0], DAYS);
      var to = q.values.length > 1 ? place(q.values[1], DAYS) : from;
      return from >= 0 && to >= 0 && between(from, q.at.weekday, to);
    },
    dateRange: function () {
      var q = asked(arguments), count = q.values.length, kinds = q.values.map(kind);
      if (count === 1) return kinds[0] !== "" && q.at[kinds[0]] === amount(q.values[0]);
      var half = count / 2, first = kinds.slice(0, half), second = kinds.slice(half);
      if ([2, 4, 6].indexOf(count) < 0 || first.join() !== second.join()) return false;
      if (["day", "month", "year", "day,month", "month,year", "day,month,year"]
            .indexOf(first.join()) < 0) return false;
      function side(offset) {
        return weight(first, function (unit) {
          return amount(q.values[offset + first.indexOf(unit)]);
        });
      }
      var current = weight(first, function (unit) { return q.at[unit]; });
      var from = side(0), to = side(half);
      // A year does not come again, so such a range goes forward only.
      return first.indexOf("year") >= 0 ? from <= current && current <= to
                                        : between(from, current, to);
    },
    timeRange: function () {
      var q = asked(arguments), v = q.values, at = q.at;
      var current = seconds(at.hour, at.minute, at.second);
      if (v.length === 1) return Number(v[0]) === at.hour;
      if (v.length === 2)
        return between(seconds(v[0], 0, 0), current, seconds(v[1], 59, 59));
      if (v.length === 4)
        return between(seconds(v[0], v[1], 0), current, seconds(v[2], v[3], 59));
      if (v.length === 6)
        return between(seconds(v[0], v[1], v[2]), current, seconds(v[3], v[4], v[5]));
      return false;
    },
    alert: function (message) {
      if (alerted < MAX_ALERTS) alerts[alerted++] = text(message).substring(0, MAX_ALERT);
    },

    // Microsoft's, for IPv6.
    isResolvableEx: function (host) { return addresses(host).length > 0; },
    dnsResolveEx: function (host) { return addresses(host).join(";"); },
    myIpAddressEx: function () { return look(MINE).join(";"); },
    isInNetEx: function (address, prefixes) {
      var bytes = bytesOf(trimmed(address)), list = text(prefixes).split(";");
      for (var i = 0; bytes && i < list.length; i++) if (inPrefix(bytes, list[i])) return true;
      return false;
    },
    sortIpAddressList: function (list) {
      var entries = text(list).split(";").map(function (address) {
        address = trimmed(address);
        return { address: address, bytes: bytesOf(address) };
      });
      for (var i = 0; i < entries.length; i++) if (!entries[i].bytes) return false;
      return entries.sort(ordered).map(function (entry) { return entry.address; }).join(";");
    },
    getClientVersion: function () { return "1.0"; }
  };
  for (var name in functions) global[name] = functions[name];

  // --- the bridge -------------------------------------------------------------------------

  function find(url, host) {
    // By their names, for "const FindProxyForURL = ..." makes no property of the global object.
    var script = typeof FindProxyForURL === "function" ? FindProxyForURL
      : typeof FindProxyForURLEx === "function" ? FindProxyForURLEx : null;
    if (script === null) return "none";
    var answer = script(url, host);
    if (typeof answer === "string") return answer.length > MAX_ANSWER ? "long" : "=" + answer;
    return answer === null ? "null" : typeof answer;
  }

  return function (what, first, second) {
    if (what === "begin") {
      now = second;
      var given = parse(first);
      for (var name in given) known[name] = given[name];
      return "";
    }
    if (what === "ask") return stringify(find(first, second));
    var told = create(null); // scripts may bring a toJSON() for all objects and arrays
    told.wanted = wanted;
    told.alerts = alerts;
    return stringify(told); // "state"
  };
})(globalThis)
