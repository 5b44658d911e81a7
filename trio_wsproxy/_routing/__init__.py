"""Target → route: which proxies, if any, a connection goes through. No network."""

from ._resolve import ProxyArgument, resolve_proxy, resolve_target
from ._route import Look, Route

__all__ = ["Look", "ProxyArgument", "Route", "resolve_proxy", "resolve_target"]
