"""The rules of a client, and how one walks through them.

A :class:`Client` is its rules: data and small functions, of which many are shared.
:func:`ask_client` takes a target and an environment and gives its :class:`Answer`.

Where a client takes a name as it is and ours is stricter, a value that makes no sense to us is
taken to make none to it. Nothing is raised for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote

from trio_wsproxy._redaction import HIDDEN, holds_secret, is_visible
from trio_wsproxy._urls import Malformed, Target, bare_host, ip_literal, normalise_host

_PROXY_VARIABLES = tuple(f"{name}_proxy" for name in ("wss", "ws", "socks", "https", "http", "all"))
DEFAULT_PORTS = {"ws": 80, "wss": 443}
SOCKS = ("socks4", "socks4a", "socks5", "socks5h")
SOCKS_PORTS = dict.fromkeys(SOCKS, 1080)
URL_PORTS = {"http": 80, "https": 443, **SOCKS_PORTS}
LOOPBACK = "loopback rule"
EMPTY_BASIC = "knows no single sign-on, and sends an empty user name and password there (Basic)"


@dataclass(frozen=True)
class ProxyAsRead:
    """A proxy as another client reads it."""

    scheme: str
    host: str
    port: int
    userinfo: str = field(default="", repr=False)
    remark: str = ""  # where it is not what ours would make of the same value

    @property
    def is_single_sign_on(self) -> bool:
        """Whether its URL has ``:@``: an empty user name with an empty password."""
        return self.userinfo == ":" and self.scheme in ("http", "https")

    @property
    def url(self) -> str:
        """The URL for messages, masked as :attr:`Proxy.url` is."""
        user, _, password = self.userinfo.partition(":")
        shown = f"{quote(unquote(user), safe='')}:{HIDDEN}@" if password else f"{HIDDEN}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown if self.userinfo else ''}{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """Where another client would go. All reasons are clauses whose subject is the client.

    Attributes:
      client: Its name.
      proxy: The proxy it would use; ``None`` for a direct connection, or none at all.
      because: Why; empty if nothing was found.
      failure: What would be wrong, if it would not connect at all.
      bypass: The spelling of the variable that made it go directly, if one did.
      remarks: For a place (a variable's spelling, ``"loopback rule"``), why it decides nothing.

    """

    client: str
    proxy: ProxyAsRead | None = None
    because: str = ""
    failure: str = ""
    bypass: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def route(self) -> str:
        """The route in words, masked."""
        if self.failure:
            return f"would fail: {self.failure}"
        return "direct" if self.proxy is None else self.proxy.url


class Setting(NamedTuple):
    """A variable that is set, by the spelling that counts."""

    spelling: str
    value: str


class Unusable(NamedTuple):
    """What a client does with a value that it cannot use."""

    problem: str
    ignored: bool = False


Finder = Callable[[str, Mapping[str, str]], Setting | None]


@dataclass(frozen=True)
class Client:
    """The rules of one client.

    Attributes:
      name: Its name.
      names: For ``ws`` and ``wss``, the variables that it looks at, in order.
      find: Which spelling of a variable counts, if any is set.
      covering: The entry of a ``no_proxy`` value that covers a target, if one does.
      read: A variable's name and value, to a hop.
      entry_words: What it makes of an entry of ``no_proxy`` that covers a target for us.
      overlooks: Why a spelling that is set does not count, where it is no matter of order.
      single_sign_on: What it makes of ``http://:@proxy``, as a clause.
      never_proxies: Whether a target is exempt without any setting.

    """

    name: str
    names: Mapping[str, tuple[str, ...]]
    find: Finder
    covering: Callable[[Target, str], str | None]
    read: Callable[[str, str], ProxyAsRead | Unusable]
    entry_words: Callable[[Target, str], str]
    overlooks: Callable[[str, Mapping[str, str]], str] = lambda _spelling, _environ: ""
    single_sign_on: str = EMPTY_BASIC
    never_proxies: Callable[[Target], bool] = lambda _target: False


def ask_client(client: Client, target: Target, environ: Mapping[str, str]) -> Answer:
    """Walk through a client's rules."""
    remarks = _remarks(client, target, environ)
    if client.never_proxies(target):
        because = f"never sends {target.host} to a proxy"
        return Answer(client.name, None, because, remarks=remarks)
    no_proxy = client.find("no_proxy", environ)
    entry = None if no_proxy is None else client.covering(target, no_proxy.value)
    if no_proxy is not None and entry is not None:
        shown = HIDDEN if holds_secret(no_proxy.value) else entry
        because = f"takes {shown!r} in {no_proxy.spelling} to cover {target.authority}"
        return Answer(client.name, None, because, bypass=no_proxy.spelling, remarks=remarks)
    for name in client.names[target.scheme]:
        setting = client.find(name, environ)
        if setting is not None:
            return _answer(client, client.read(name, setting.value), setting, remarks)
    return Answer(client.name, remarks=remarks)


def _answer(
    client: Client, read: ProxyAsRead | Unusable, setting: Setting, remarks: Mapping[str, str]
) -> Answer:
    where = f"in {setting.spelling}"
    if isinstance(read, ProxyAsRead):
        mixed = setting.spelling not in (setting.spelling.lower(), setting.spelling.upper())
        takes = f"takes {setting.spelling}{', whatever its case' if mixed else ''}"
        because = f"{read.remark} ({where})" if read.remark else takes
        return Answer(client.name, read, because, remarks=remarks)
    failure = "" if read.ignored else f"cannot use {setting.spelling}"
    return Answer(client.name, None, f"{read.problem} ({where})", failure, remarks=remarks)


def _remarks(client: Client, target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """Why the places that a client does not go by decide nothing."""
    remarks = {LOOPBACK: "has no rule for loopback hosts"}
    for name in (*_PROXY_VARIABLES, "no_proxy"):
        found = client.find(name, environ)
        others = (x for x in environ if x.lower() == name and x not in (name, name.upper()))
        for spelling in (name, name.upper(), *others):
            if name not in (*client.names[target.scheme], "no_proxy"):
                at_all = any(name in names for names in client.names.values())
                where = f" for {target.scheme}://" if at_all else ""
                remarks[spelling] = f"does not look at {spelling}{where}"
            elif clause := client.overlooks(spelling, environ):
                remarks[spelling] = clause
            elif found is not None and found.spelling != spelling:
                remarks[spelling] = f"prefers {found.spelling} to {spelling}"
            elif found is None and spelling not in (name, name.upper()):
                remarks[spelling] = f"looks at {name} in lower and in upper case only"
    return remarks


# --- the parts of rules that clients share ------------------------------------------------


def lower_first(name: str, environ: Mapping[str, str]) -> Setting | None:
    """Find a variable, in lower case if it is set there."""
    for spelling in (name, name.upper()):
        if environ.get(spelling):
            return Setting(spelling, environ[spelling])
    return None


def upper_first(name: str, environ: Mapping[str, str]) -> Setting | None:
    """Find a variable, in upper case if it is set there."""
    for spelling in (name.upper(), name):
        if environ.get(spelling):
            return Setting(spelling, environ[spelling])
    return None


def host_of(target: Target) -> str:
    """Give a target's host without a zone and a trailing dot, which are no part of a name."""
    return bare_host(target.host)


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")


class Pieces(NamedTuple):
    """A proxy URL, cut but not judged."""

    scheme: str
    userinfo: str | None
    host: str
    port: int | None
    tail: str


def cut(value: str) -> Pieces | None:
    """Cut a proxy URL in pieces; ``None`` if there is no host and port to be found."""
    if not is_visible(value):
        return None
    match = _SCHEME.match(value)
    rest = value[match.end() :] if match else value
    userinfo, at, rest = rest.rpartition("@")
    end = re.search(r"[/?#]", rest)
    rest, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    host = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", rest, re.ASCII)
    if host is None or re.search(r"[/?#@]", userinfo):
        return None
    normal = normal_host(host[1])
    port = int(host[2]) if host[2] else None
    if normal is None or (port or 0) > 65535:
        return None
    return Pieces(match[1].lower() if match else "", userinfo if at else None, normal, port, tail)


def normal_host(host: str) -> str | None:
    """Bring a host into our one spelling; ``None`` if there is none."""
    try:
        return normalise_host(unquote(host))
    except Malformed:
        return None


NONSENSE = Unusable("cannot read that value")


def proxy_as_read(
    pieces: Pieces, scheme: str, ports: Mapping[str, int], remark: str = ""
) -> ProxyAsRead:
    """Make a proxy out of its pieces, with the port that a client takes where none is given."""
    port = pieces.port or ports[scheme]
    if not pieces.port and port != URL_PORTS[scheme]:
        remark = f"takes port {port} where none is given"
    return ProxyAsRead(scheme, pieces.host, port, pieces.userinfo or "", remark)


OTHERWISE = "reads this entry of no_proxy otherwise"
NAME_WORDS = {
    "idn": "compares names in no_proxy as they are written",
    "final dot": "takes the dot behind a name in no_proxy for a part of it",
}


def shape_of(entry: str) -> str:
    """What kind of entry this is, for the choice of words."""
    if entry == "*":
        return "star"
    if "*" in entry:
        return "wildcard"
    if entry.startswith("<"):
        return "angle"
    if "/" in entry:
        return "network"
    if ip_literal(entry):
        return "address"
    if entry.startswith("["):
        return "brackets" if entry.endswith("]") else "port"
    if ":" in entry:
        return "port"
    if not entry.isascii():
        return "idn"
    if entry.endswith("."):
        return "final dot"
    return "dot" if entry.startswith(".") else "name"
