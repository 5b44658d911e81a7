"""Settings of GNOME and KDE, and what others make of them: one table, asked of real programs.

A case has settings, targets and our answer for ``wss`` to each. Where another one's answer for ``https`` is
different, it stands in a table behind, with the reason. The tests know libproxy 0.4, proxylib 2
and the GLib of Debian 12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

LIBPROXY, PROXYLIB, GLIB = "libproxy", "proxylib", "GLib"


class Case(NamedTuple):
    """Settings, and our answers by host."""

    settings: Mapping[str, str]
    answers: Mapping[str, str]


class Other(NamedTuple):
    """An answer that is different elsewhere."""

    who: str
    host: str
    answer: str
    reason: str


H = "h.test"

# GNOME: keys as in /system/proxy/, values in GVariant's text format.
GNOME: dict[str, Case] = {
    "none": Case({"mode": "'none'", "https/host": "'p'"}, {H: "direct"}),
    "nothing set": Case({}, {H: "direct"}),
    "manual": Case(
        {"mode": "'manual'", "https/host": "'p'", "https/port": "3128"},
        {H: "http://p:3128", "10.1.2.3": "http://p:3128", "[fd00::1]": "http://p:3128"},
    ),
    "manual, empty": Case({"mode": "'manual'"}, {H: "direct"}),
    "http alone": Case(
        {"mode": "'manual'", "http/host": "'p'"},
        {H: "http://p:8080"},
    ),
    "http alone, not the same": Case(
        {"mode": "'manual'", "http/host": "'p'", "use-same-proxy": "false"}, {H: "direct"}
    ),
    "both": Case(
        {
            "mode": "'manual'",
            "http/host": "'p'",
            "https/host": "'q'",
            "https/port": "1",
        },
        {H: "http://q:1"},
    ),
    "socks": Case(
        {"mode": "'manual'", "socks/host": "'s'", "socks/port": "1080"}, {H: "socks://s:1080"}
    ),
    "socks and https": Case(
        {
            "mode": "'manual'",
            "socks/host": "'s'",
            "socks/port": "1",
            "https/host": "'p'",
            "https/port": "2",
        },
        {H: "socks://s:1"},
    ),
    "ftp": Case({"mode": "'manual'", "ftp/host": "'p'", "ftp/port": "1"}, {H: "direct"}),
    "port 0": Case({"mode": "'manual'", "https/host": "'p'"}, {H: "http://p:80"}),
    "socks port 0": Case({"mode": "'manual'", "socks/host": "'s'"}, {H: "socks://s:1080"}),
    "credentials": Case(
        {
            "mode": "'manual'",
            "http/host": "'p'",
            "http/use-authentication": "true",
            "http/authentication-user": "'ada'",
            "http/authentication-password": "'pä:@'",
            "https/host": "'p'",
            "https/port": "8080",
        },
        {H: "http://p:8080"},
    ),
    "IPv6 proxy": Case(
        {"mode": "'manual'", "https/host": "'fd00::1'", "https/port": "1"},
        {H: "http://[fd00::1]:1"},
    ),
    "a URL for a host": Case(
        {"mode": "'manual'", "https/host": "'http://p'", "https/port": "1"}, {H: "http://p:1"}
    ),
    "host with port": Case(
        {"mode": "'manual'", "https/host": "'p:3128'", "https/port": "1"}, {H: "http://p:3128"}
    ),
    "blanks": Case(
        {"mode": "'manual'", "https/host": "' p '", "https/port": "1"}, {H: "http://p:1"}
    ),
    "default exceptions": Case(
        {"mode": "'manual'", "https/host": "'p'", "https/port": "1"},
        {"localhost": "direct", "127.0.0.1": "direct", "127.1.2.3": "direct", "[::1]": "direct"},
    ),
    "no exceptions": Case(
        {"mode": "'manual'", "https/host": "'p'", "https/port": "1", "ignore-hosts": "@as []"},
        {"localhost": "direct", H: "http://p:1"},
    ),
    "names": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['example.org']",
        },
        {
            "example.org": "direct",
            "www.example.org": "direct",
            "notexample.org": "http://p:1",
            "EXAMPLE.org": "direct",
        },
    ),
    "stars": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['*.example.org']",
        },
        {"example.org": "direct", "www.example.org": "direct", "notexample.org": "http://p:1"},
    ),
    "dots": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['.example.org']",
        },
        {"www.example.org": "direct", "notexample.org": "http://p:1"},
    ),
    "addresses": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['192.0.2.1', '2001:db8::1', '10.0.0.0/8', 'fd00::/8']",
        },
        {
            "192.0.2.1": "direct",
            "192.0.2.2": "http://p:1",
            "[2001:db8::1]": "direct",
            "10.1.2.3": "direct",
            "11.1.2.3": "http://p:1",
            "[fd00::5]": "direct",
            "[fe80::5]": "http://p:1",
        },
    ),
    "two in one": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['a.test, b.test']",
        },
        {"a.test": "direct", "b.test": "direct"},
    ),
    "ports": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['a.test:8443', 'b.test:443']",
        },
        {"a.test": "http://p:1", "b.test": "direct"},
    ),
    "all": Case(
        {"mode": "'manual'", "https/host": "'p'", "https/port": "1", "ignore-hosts": "['*']"},
        {H: "direct"},
    ),
    "nonsense": Case(
        {
            "mode": "'manual'",
            "https/host": "'p'",
            "https/port": "1",
            "ignore-hosts": "['/var/run/x', 'http://a.test', '', '10.0.0.0/99', 'b.test']",
        },
        {H: "http://p:1", "b.test": "direct"},
    ),
}

# KDE: the keys of kioslaverc.
KDE: dict[str, Case] = {
    "none": Case({"ProxyType": "0", "httpsProxy": "http://p 1"}, {H: "direct"}),
    "no type": Case({"httpsProxy": "http://p 1"}, {H: "direct"}),
    "manual": Case({"ProxyType": "1", "httpsProxy": "http://p 3128"}, {H: "http://p:3128"}),
    "manual, with a colon": Case(
        {"ProxyType": "1", "httpsProxy": "http://p:3128"}, {H: "http://p:3128"}
    ),
    "no scheme": Case({"ProxyType": "1", "httpsProxy": "p 3128"}, {H: "http://p:3128"}),
    "no port": Case({"ProxyType": "1", "httpsProxy": "http://p"}, {H: "http://p:80"}),
    "http alone": Case({"ProxyType": "1", "httpProxy": "http://p 1"}, {H: "direct"}),
    "socks": Case({"ProxyType": "1", "socksProxy": "socks://s 1080"}, {H: "socks://s:1080"}),
    "socks and https": Case(
        {"ProxyType": "1", "socksProxy": "socks://s 1", "httpsProxy": "http://p 2"},
        {H: "socks://s:1"},
    ),
    "credentials": Case({"ProxyType": "1", "httpsProxy": "http://ada:pw@p 1"}, {H: "http://p:1"}),
    "IPv6 proxy": Case(
        {"ProxyType": "1", "httpsProxy": "http://[fd00::1] 1"}, {H: "http://[fd00::1]:1"}
    ),
    "names": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1", "NoProxyFor": "example.org"},
        {"example.org": "direct", "www.example.org": "direct", "notexample.org": "http://p:1"},
    ),
    "dots": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1", "NoProxyFor": ".example.org,b.test"},
        {"www.example.org": "direct", "b.test": "direct", H: "http://p:1"},
    ),
    "blanks": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1", "NoProxyFor": "a.test b.test"},
        {"a.test": "direct", "b.test": "direct"},
    ),
    "networks": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1", "NoProxyFor": "10.0.0.0/8,192.0.2.1"},
        {"10.1.2.3": "direct", "192.0.2.1": "direct", "11.1.2.3": "http://p:1"},
    ),
    "local": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1", "NoProxyFor": "<local>"},
        {"intranet": "direct", H: "http://p:1"},
    ),
    "schemes": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1", "NoProxyFor": "http://a.test"},
        {"a.test": "direct"},
    ),
    "reversed": Case(
        {
            "ProxyType": "1",
            "httpsProxy": "http://p 1",
            "NoProxyFor": "a.test",
            "ReversedException": "true",
        },
        {"a.test": "http://p:1", H: "direct"},
    ),
    "variables": Case({"ProxyType": "4", "httpsProxy": "GATEWAY"}, {H: "http://m:1"}),
    "loopback": Case(
        {"ProxyType": "1", "httpsProxy": "http://p 1"},
        {"localhost": "direct", "127.0.0.1": "direct"},
    ),
    "expanded": Case(
        {"ProxyType": "1", "httpsProxy[$e]": "http://$GATEWAY_HOST 1"}, {H: "http://m:1"}
    ),
    "none of these": Case({"ProxyType": "7", "httpsProxy": "http://p 1"}, {H: "direct"}),
}

SOCKS_LATER = "SOCKS comes after the proxy for HTTPS; here before it, as for variables (precedence)"
SAME = "use-same-proxy is not known; it is on unless somebody has switched it off, and Chromium goes by it"
BELOW = "a name covers itself alone; GLib and KIO document that it covers all below it"
LOOPBACK = "this machine's own names go to the proxy, which has another idea of localhost"
PORT = "port 0 is no proxy; here it is the usual one of the scheme"
IPV6 = "IPv6 in the list of exceptions is not understood"
HOST = "host and port are put together as they stand"
BLANKS = "exceptions with blanks between them are one"
VARIABLES = "type 4 is left to the environment, of which other names are looked at"

OTHER_GNOME: dict[str, tuple[Other, ...]] = {
    "http alone": (
        Other(LIBPROXY, H, "direct", SAME),
        Other(PROXYLIB, H, "direct", SAME),
    ),
    "socks and https": (
        Other(LIBPROXY, H, "http://p:2", SOCKS_LATER),
        Other(PROXYLIB, H, "http://p:2", SOCKS_LATER),
    ),
    "port 0": (Other(LIBPROXY, H, "direct", PORT),),
    "socks port 0": (Other(LIBPROXY, H, "direct", PORT),),
    "IPv6 proxy": (Other(LIBPROXY, H, "http://fd00::1:1", HOST),),
    "a URL for a host": (Other(LIBPROXY, H, "http://http://p:80", HOST),),
    "host with port": (
        Other(LIBPROXY, H, "http://p:3128:1", HOST),
        Other(PROXYLIB, H, "direct", HOST),
    ),
    "blanks": (Other(LIBPROXY, H, "http://", HOST),),
    "default exceptions": (Other(LIBPROXY, "[::1]", "http://p:1", LOOPBACK),),
    "no exceptions": (Other(LIBPROXY, "localhost", "http://p:1", LOOPBACK),),
    "names": (
        Other(LIBPROXY, "www.example.org", "http://p:1", BELOW),
        Other(PROXYLIB, "www.example.org", "http://p:1", BELOW),
    ),
    "stars": (
        Other(
            LIBPROXY, "example.org", "http://p:1", "*.x is only what is below; GLib covers x, too"
        ),
    ),
    "addresses": (
        Other(LIBPROXY, "[2001:db8::1]", "http://p:1", IPV6),
        Other(LIBPROXY, "[fd00::5]", "http://p:1", IPV6),
    ),
    "all": (Other(LIBPROXY, H, "http://p:1", "a star alone is no pattern"),),
}

OTHER_KDE: dict[str, tuple[Other, ...]] = {
    "no scheme": (Other(LIBPROXY, H, "p:3128://", "a proxy without a scheme is none"),),
    "http alone": (
        Other(
            LIBPROXY, H, "http://p:1", "the proxy for HTTP serves HTTPS; KIO uses it for HTTP alone"
        ),
    ),
    "socks and https": (
        Other(LIBPROXY, H, "http://p:2", SOCKS_LATER),
        Other(PROXYLIB, H, "http://p:2", SOCKS_LATER),
    ),
    "names": (Other(LIBPROXY, "www.example.org", "http://p:1", BELOW),),
    "blanks": (
        Other(LIBPROXY, "a.test", "http://p:1", BLANKS),
        Other(LIBPROXY, "b.test", "http://p:1", BLANKS),
        Other(PROXYLIB, "a.test", "http://p:1", BLANKS),
        Other(PROXYLIB, "b.test", "http://p:1", BLANKS),
    ),
    "schemes": (
        Other(LIBPROXY, "a.test", "http://p:1", "http:// in an exception is part of the name"),
    ),
    "variables": (
        Other(LIBPROXY, H, "direct", VARIABLES),
        Other(PROXYLIB, H, "direct", VARIABLES),
    ),
    "loopback": (
        Other(LIBPROXY, "localhost", "http://p:1", LOOPBACK),
        Other(LIBPROXY, "127.0.0.1", "http://p:1", LOOPBACK),
    ),
    "expanded": (Other(PROXYLIB, H, "direct", "KConfig's flags behind a key are not read"),),
}

# GLib's own, whom the portal asks, and so programs of GNOME's.
OTHER_GLIB: dict[str, tuple[Other, ...]] = {
    "http alone, not the same": (
        Other(
            GLIB, H, "http://p:8080", "the proxy for HTTP serves HTTPS with use-same-proxy off, too"
        ),
    ),
    "socks and https": (Other(GLIB, H, "http://p:2", SOCKS_LATER),),
    "IPv6 proxy": (Other(GLIB, H, "direct", HOST),),
    "a URL for a host": (Other(GLIB, H, "http://http://p:80", HOST),),
    "host with port": (Other(GLIB, H, "direct", HOST),),
    "blanks": (Other(GLIB, H, "http:// p :1", HOST),),
    "no exceptions": (Other(GLIB, "localhost", "http://p:1", LOOPBACK),),
    "two in one": (
        Other(GLIB, "a.test", "http://p:1", BLANKS),
        Other(GLIB, "b.test", "http://p:1", BLANKS),
    ),
    "all": (Other(GLIB, H, "http://p:1", "a star alone is no pattern"),),
    "nonsense": (Other(GLIB, "b.test", "http://p:1", "an odd entry ends the list"),),
}
