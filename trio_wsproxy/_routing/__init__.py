"""Target → route: which proxies, if any, a connection goes through. No network.

Precedence has one place, ``_resolve``; the environment and the operating system's settings have one
reader, ``_system``; what exempts a host from proxies is ``_bypass``.
"""

from ._bypass import BypassEntry, is_loopback, parse_bypass
from ._netrc import netrc_credentials
from ._resolve import ProxyArgument, resolve_proxy, resolve_target
from ._route import Look, Route, decider, spoken
from ._system import TLSSettings, environment, tls_settings

__all__ = [
    "BypassEntry",
    "Look",
    "ProxyArgument",
    "Route",
    "TLSSettings",
    "decider",
    "environment",
    "is_loopback",
    "netrc_credentials",
    "parse_bypass",
    "resolve_proxy",
    "resolve_target",
    "spoken",
    "tls_settings",
]
