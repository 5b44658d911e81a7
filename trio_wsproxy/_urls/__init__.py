"""URLs in, frozen values out: hosts, targets, proxies.

A WebSocket URL becomes a :class:`Target`, a proxy URL a :class:`Proxy`. Three rules hold throughout:

* Whatever is refused is refused here, before anything is dialed. Targets raise
  :class:`ValueError`, proxies :class:`~trio_wsproxy.ProxyConfigError`, which is one too.
* No message, ``repr`` or chained exception holds a secret. Readers raise :class:`Malformed`, which
  says what is wrong; one place for each kind of URL adds the source and the masked text.
* A host has one spelling, that of :func:`normalise_host`.
"""

from ._hosts import Malformed, bare_host, bracketed, ip_literal, normalise_host, split_host_port
from ._proxies import Proxy, ProxyScheme, parse_proxy, parse_shared_proxy, with_auth
from ._targets import (
    NO_URL,
    Target,
    TargetScheme,
    check_text,
    make_target,
    parse_any_target,
    parse_target,
)

__all__ = [
    "NO_URL",
    "Malformed",
    "Proxy",
    "ProxyScheme",
    "Target",
    "TargetScheme",
    "bare_host",
    "bracketed",
    "check_text",
    "ip_literal",
    "make_target",
    "normalise_host",
    "parse_any_target",
    "parse_proxy",
    "parse_shared_proxy",
    "parse_target",
    "split_host_port",
    "with_auth",
]
