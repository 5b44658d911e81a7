"""Target → route: which proxies, if any, a connection goes through. No network."""

from ._netrc import netrc_credentials
from ._resolve import ProxyArgument, resolve_proxy, resolve_target
from ._route import Look, Route

__all__ = [
    "Look",
    "ProxyArgument",
    "Route",
    "netrc_credentials",
    "resolve_proxy",
    "resolve_target",
]
