"""Target → route: which proxies, if any, a connection goes through. No network.

Where there are several ways, ``_failover`` has their order and the rule for trying another one; what a
PAC script says is found out by ``_pac``, through a ``World`` that whoever asks brings along; it is not
imported here, for few programs have a script; nor are ``_netrc`` and ``_keyring``, which few ask for
credentials.

Precedence has one place, ``_resolve``, with ``_by_desktop`` for the desktop's part of it; the environment has one
reader, ``_system``, the desktop's settings have ``_desktop``, which is imported where there is a desktop; what
exempts a host from proxies is ``_bypass``.
"""

from ._argument import MEANS_NONE, Failover
from ._by_desktop import Unread
from ._bypass import BypassEntry, is_loopback, parse_bypass
from ._failover import (
    PATIENCE,
    bad_for,
    chosen,
    each_once,
    in_order,
    is_worth_another,
    note_failure,
    note_success,
    told_of,
)
from ._pac_value import PAC
from ._resolve import (
    ProxyArgument,
    Question,
    hidden_url,
    resolve_proxy,
    resolve_target,
    steps_to,
)
from ._route import DESKTOP_SOURCES, Look, Route, decider, holds_urls, spoken
from ._schemes import Schemes, equip
from ._system import TLSSettings, environment, forget_variable, tls_settings

__all__ = [
    "DESKTOP_SOURCES",
    "MEANS_NONE",
    "PAC",
    "PATIENCE",
    "BypassEntry",
    "Failover",
    "Look",
    "ProxyArgument",
    "Question",
    "Route",
    "Schemes",
    "TLSSettings",
    "Unread",
    "bad_for",
    "chosen",
    "decider",
    "each_once",
    "environment",
    "equip",
    "forget_variable",
    "hidden_url",
    "holds_urls",
    "in_order",
    "is_loopback",
    "is_worth_another",
    "note_failure",
    "note_success",
    "parse_bypass",
    "resolve_proxy",
    "resolve_target",
    "spoken",
    "steps_to",
    "tls_settings",
    "told_of",
]
