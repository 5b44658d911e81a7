"""What other clients make of the same environment: curl, Go, requests and websockets.

Each is described by its rules, as data and small functions, and one function walks through them:
:func:`curl`, :func:`go`, :func:`requests` and :func:`websockets` take a target and an environment
and say where that client would go. None of these programs is needed or imported;
tests/cli/test_rivals.py asks the real ones. The rules are those of

* curl 8 (``detect_proxy`` and ``parse_proxy`` in lib/url.c, lib/noproxy.c). It knows ``ws://``.
* Go 1.27 (``http.ProxyFromEnvironment``, which is golang.org/x/net/http/httpproxy). It looks for
  ``http://`` in place of ``ws://``, as gorilla/websocket and others have it do.
* requests 2.34 (``should_bypass_proxies``, ``select_proxy``), likewise, for what is built upon it.
* websockets 17 with its ``proxy=True`` (``websockets.proxy.get_proxy``).

Where one of them takes a name as it is and ours is stricter, a value that makes no sense to us is
taken to make none to them. Nothing here is raised for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from typing import NamedTuple, NoReturn
from urllib.parse import quote, unquote

from trio_wsproxy._routing import Route
from trio_wsproxy._routing._bypass import BypassEntry, parse_bypass
from trio_wsproxy._urls._proxies import Proxy, Target, ip_literal, mask_userinfo, normalise_host

__all__ = ["Answer", "Hop", "compare", "curl", "go", "requests", "websockets"]

_PROXY_VARIABLES = tuple(f"{name}_proxy" for name in ("wss", "ws", "socks", "https", "http", "all"))
_DEFAULT_PORTS = {"ws": 80, "wss": 443}
_SOCKS = ("socks4", "socks4a", "socks5", "socks5h")
_SOCKS_PORTS = dict.fromkeys(_SOCKS, 1080)
_URL_PORTS = {"http": 80, "https": 443, **_SOCKS_PORTS}
_VARIABLE = "environment variable "
_LOOPBACK = "loopback rule"
_SYSTEM = "operating system settings"


# --- answers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Hop:
    """A proxy as another client reads it."""

    scheme: str
    host: str
    port: int
    userinfo: str = field(default="", repr=False)
    remark: str = ""  # where it is not what ours would make of the same value

    @property
    def url(self) -> str:
        """The URL for messages, masked as :attr:`Proxy.url` is."""
        user, _, password = self.userinfo.partition(":")
        shown = f"{quote(unquote(user), safe='')}:***@" if password else "***@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown if self.userinfo else ''}{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """Where another client would go. All reasons are clauses whose subject is the client.

    Attributes:
      client: Its name.
      hop: The proxy it would use; ``None`` for a direct connection, or none at all.
      because: Why; empty if nothing was found.
      failure: What would be wrong, if it would not connect at all.
      bypass: The spelling of the variable that made it go directly, if one did.
      remarks: For a place (a variable's spelling, ``"loopback rule"``), why it decides nothing.

    """

    client: str
    hop: Hop | None = None
    because: str = ""
    failure: str = ""
    bypass: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def route(self) -> str:
        """The route in words, masked."""
        if self.failure:
            return f"would fail: {self.failure}"
        return "direct" if self.hop is None else self.hop.url


class _Setting(NamedTuple):
    """A variable that is set, by the spelling that counts."""

    spelling: str
    value: str


class _Unusable(NamedTuple):
    """What a client does with a value that it cannot use."""

    problem: str
    ignored: bool = False


Finder = Callable[[str, Mapping[str, str]], _Setting | None]


@dataclass(frozen=True)
class _Client:
    """The rules of one client.

    Attributes:
      name: Its name.
      names: For ``ws`` and ``wss``, the variables that it looks at, in order.
      find: Which spelling of a variable counts, if any is set.
      covering: The entry of a ``no_proxy`` value that covers a target, if one does.
      read: A variable's name and value, to a hop.
      entry_words: What it makes of an entry of ``no_proxy`` that covers a target for us.
      overlooks: Why a spelling that is set does not count, where it is no matter of order.
      never_proxies: Whether a target is exempt without any setting.

    """

    name: str
    names: Mapping[str, tuple[str, ...]]
    find: Finder
    covering: Callable[[Target, str], str | None]
    read: Callable[[str, str], Hop | _Unusable]
    entry_words: Callable[[Target, str], str]
    overlooks: Callable[[str, Mapping[str, str]], str] = lambda _spelling, _environ: ""
    never_proxies: Callable[[Target], bool] = lambda _target: False


def _ask(client: _Client, target: Target, environ: Mapping[str, str]) -> Answer:
    """Walk through a client's rules."""
    remarks = _remarks(client, target, environ)
    if client.never_proxies(target):
        because = f"never sends {target.host} to a proxy"
        return Answer(client.name, None, because, remarks=remarks)
    no_proxy = client.find("no_proxy", environ)
    entry = None if no_proxy is None else client.covering(target, no_proxy.value)
    if no_proxy is not None and entry is not None:
        shown = "***" if mask_userinfo(no_proxy.value) != no_proxy.value else entry
        because = f"takes {shown!r} in {no_proxy.spelling} to cover {target.authority}"
        return Answer(client.name, None, because, bypass=no_proxy.spelling, remarks=remarks)
    for name in client.names[target.scheme]:
        setting = client.find(name, environ)
        if setting is not None:
            return _answer(client, client.read(name, setting.value), setting, remarks)
    return Answer(client.name, remarks=remarks)


def _answer(
    client: _Client, read: Hop | _Unusable, setting: _Setting, remarks: Mapping[str, str]
) -> Answer:
    where = f"in {setting.spelling}"
    if isinstance(read, Hop):
        mixed = setting.spelling not in (setting.spelling.lower(), setting.spelling.upper())
        takes = f"takes {setting.spelling}{', whatever its case' if mixed else ''}"
        because = f"{read.remark} ({where})" if read.remark else takes
        return Answer(client.name, read, because, remarks=remarks)
    failure = "" if read.ignored else f"cannot use {setting.spelling}"
    return Answer(client.name, None, f"{read.problem} ({where})", failure, remarks=remarks)


def _remarks(client: _Client, target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """Why the places that a client does not go by decide nothing."""
    remarks = {_LOOPBACK: "has no rule for loopback hosts"}
    for name in (*_PROXY_VARIABLES, "no_proxy"):
        found = client.find(name, environ)
        for spelling in (name, name.upper()):
            if name not in (*client.names[target.scheme], "no_proxy"):
                at_all = any(name in names for names in client.names.values())
                where = f" for {target.scheme}://" if at_all else ""
                remarks[spelling] = f"does not look at {spelling}{where}"
            elif clause := client.overlooks(spelling, environ):
                remarks[spelling] = clause
            elif found is not None and found.spelling != spelling:
                remarks[spelling] = f"prefers {found.spelling} to {spelling}"
    return remarks


# --- what is common ----------------------------------------------------------------------


def _lower_first(name: str, environ: Mapping[str, str]) -> _Setting | None:
    for spelling in (name, name.upper()):
        if environ.get(spelling):
            return _Setting(spelling, environ[spelling])
    return None


def _upper_first(name: str, environ: Mapping[str, str]) -> _Setting | None:
    for spelling in (name.upper(), name):
        if environ.get(spelling):
            return _Setting(spelling, environ[spelling])
    return None


def _as_urllib(name: str, environ: Mapping[str, str]) -> _Setting | None:
    """As ``urllib.request.getproxies_environment``: any spelling, but lower case is final."""
    found = None
    for spelling, value in environ.items():
        if spelling.lower() == name and value:
            found = _Setting(spelling, value)
    if name == "http_proxy" and "REQUEST_METHOD" in environ:
        found = None
    for spelling, value in environ.items():
        if spelling.lower() == name and spelling.endswith("_proxy"):
            found = _Setting(spelling, value) if value else None
    return found


def _urllib_overlooks(spelling: str, environ: Mapping[str, str]) -> str:
    if spelling.islower() or not environ.get(spelling):
        return ""
    if environ.get(spelling.lower()) == "":
        return f"takes the empty {spelling.lower()} for an answer, and not {spelling}"
    if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        return "ignores HTTP_PROXY where REQUEST_METHOD is set (CGI)"
    return ""


def _host(target: Target) -> str:
    return target.host.partition("%")[0]


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")


class _Pieces(NamedTuple):
    """A proxy URL, cut but not judged."""

    scheme: str
    userinfo: str | None
    host: str
    port: int | None
    tail: str


def _cut(value: str) -> _Pieces | None:
    """Cut a proxy URL in pieces; ``None`` if there is no host and port to be found."""
    if not value.isprintable():
        return None
    match = _SCHEME.match(value)
    rest = value[match.end() :] if match else value
    userinfo, at, rest = rest.rpartition("@")
    end = re.search(r"[/?#]", rest)
    rest, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    host = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", rest, re.ASCII)
    if host is None or re.search(r"[/?#@]", userinfo):
        return None
    normal = _normal(host[1])
    port = int(host[2]) if host[2] else None
    if normal is None or (port or 0) > 65535:
        return None
    return _Pieces(match[1].lower() if match else "", userinfo if at else None, normal, port, tail)


def _normal(host: str) -> str | None:
    def fail(problem: str) -> NoReturn:
        raise ValueError(problem)

    try:
        return normalise_host(unquote(host), fail)
    except ValueError:
        return None


_NONSENSE = _Unusable("cannot read that value")


def _hop(pieces: _Pieces, scheme: str, ports: Mapping[str, int], remark: str = "") -> Hop:
    port = pieces.port or ports[scheme]
    if not pieces.port and port != _URL_PORTS[scheme]:
        remark = f"takes port {port} where none is given"
    return Hop(scheme, pieces.host, port, pieces.userinfo or "", remark)


_OTHERWISE = "reads this entry of no_proxy otherwise"
_NAME_WORDS = {
    "idn": "compares names in no_proxy as they are written",
    "final dot": "takes the dot behind a name in no_proxy for a part of it",
}


def _shape(entry: str) -> str:
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


# --- curl --------------------------------------------------------------------------------


def _curl_find(name: str, environ: Mapping[str, str]) -> _Setting | None:
    if name == "http_proxy":  # never in upper case, which a CGI program's visitor could set
        return _Setting(name, environ[name]) if environ.get(name) else None
    return _lower_first(name, environ)


def _curl_covering(target: Target, value: str) -> str | None:
    host = _host(target)
    address = ip_literal(host)
    if value == "*":
        return value
    covers = _curl_covers_name if address is None else _curl_covers_address
    return next((word for word in _curl_entries(value) if covers(word, host)), None)


def _curl_entries(value: str) -> Iterator[str]:
    """Blanks may stand around the commas, but where there is no comma the list ends."""
    for text in value.split(","):
        words = text.split()
        yield from words[:1]
        if len(words) > 1:
            return


def _curl_covers_name(entry: str, host: str) -> bool:
    name = entry.removesuffix(".").removeprefix(".").lower()
    return host == name or bool(name and host.endswith(f".{name}"))


def _curl_covers_address(entry: str, host: str) -> bool:
    base, slash, prefix = entry.partition("/")
    address, network = ip_address(host), ip_literal(base)
    if network is None or network.version != address.version:
        return False
    if slash and not (prefix.isascii() and prefix.isdecimal()):
        return False
    bits = int(prefix or "0")
    if not bits:  # a prefix of 0 is taken for none
        return network == address
    if bits > address.max_prefixlen:
        return False
    return address in ip_network(f"{base}/{bits}", strict=False)


# curl's manual, --proxy. Versions 8.21 to 8.23 take the port of the URL's scheme instead
# (github.com/curl/curl/issues/23681).
_CURL_PORTS = {"http": 1080, "https": 443, **_SOCKS_PORTS}


def _curl_read(name: str, value: str) -> Hop | _Unusable:
    del name
    if value != value.strip():
        return _Unusable("does not strip blanks")
    pieces = _cut(value)
    if pieces is None:
        return _NONSENSE
    # socks:// has always meant version 4 to curl.
    scheme = {"": "http", "socks": "socks4"}.get(pieces.scheme, pieces.scheme)
    if scheme not in _CURL_PORTS:
        return _Unusable(f"knows no {scheme}:// proxies")
    remark = "takes socks:// for SOCKS4" if pieces.scheme == "socks" else ""
    return _hop(pieces, scheme, _CURL_PORTS, remark)


def _curl_entry_words(target: Target, entry: str) -> str:
    del target
    words = {
        **_NAME_WORDS,
        "star": "takes '*' only if it is all of no_proxy",
        "wildcard": "knows no wildcards in no_proxy",
        "angle": "knows no <local> in no_proxy",
        "network": "takes the prefix /0 for none at all",
        "brackets": "wants IPv6 addresses in no_proxy without brackets",
        "port": "knows no ports in no_proxy",
    }
    return words.get(_shape(entry), _OTHERWISE)


def _curl_overlooks(spelling: str, environ: Mapping[str, str]) -> str:
    del environ
    return "looks at http_proxy in lower case only" if spelling == "HTTP_PROXY" else ""


_CURL = _Client(
    "curl",
    {
        # The general names for ws:// and wss:// are a fallback since curl 8.2.
        "ws": ("ws_proxy", "http_proxy", "all_proxy"),
        "wss": ("wss_proxy", "https_proxy", "all_proxy"),
    },
    _curl_find,
    _curl_covering,
    _curl_read,
    _curl_entry_words,
    _curl_overlooks,
)


def curl(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where curl would go."""
    return _ask(_CURL, target, environ)


# --- Go ----------------------------------------------------------------------------------


def _go_covering(target: Target, value: str) -> str | None:
    texts = [text.strip().lower() for text in value.split(",")]
    if "*" in texts:
        return "*"
    return next((text for text in texts if text and _go_covers(target, text)), None)


def _go_covers(target: Target, entry: str) -> bool:
    address = ip_literal(_host(target))
    if "/" in entry:
        try:
            network = ip_network(entry, strict=False) if "." in entry or ":" in entry else None
        except ValueError:
            return False
        return network is not None and address is not None and address in network
    host, port = _go_split(entry)
    if port not in ("", str(target.port)):
        return False
    literal = ip_literal(host)
    if literal is not None or address is not None:
        return literal == address
    name = host.removeprefix("*") if host.startswith("*.") else host
    if not name.isascii():
        name = _normal(name.removeprefix(".")) or name
    if name.startswith("."):  # the names below it, not itself
        return target.host.endswith(name)
    return target.host == name or bool(name and target.host.endswith(f".{name}"))


def _go_split(entry: str) -> tuple[str, str]:
    """As Go's ``net.SplitHostPort``, with the whole entry for the host where that fails."""
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)", entry)
    return (entry, "") if match is None else (match[1] or match[2] or "", match[3])


def _go_never(target: Target) -> bool:
    address = ip_literal(_host(target))
    return target.host == "localhost" if address is None else address.is_loopback


def _go_read(name: str, value: str) -> Hop | _Unusable:
    del name
    if value != value.strip():
        # What is no URL by its first character is ignored, the rest is taken for a strange one.
        ignored = bool(value.strip()) and not value[0].isalpha()
        return _Unusable("does not strip blanks", ignored)
    pieces = _cut(value)
    if pieces is None:
        return _NONSENSE
    scheme = pieces.scheme or "http"
    if scheme in ("socks5", "socks5h"):
        remark = "leaves the server's name to a socks5:// proxy" if scheme == "socks5" else ""
        return _hop(pieces, "socks5h", _URL_PORTS, remark)
    if scheme in ("http", "https"):
        return _hop(pieces, scheme, _URL_PORTS)
    if pieces.port is None:  # it knows no default
        return _Unusable(f"knows no {scheme}:// proxies")
    return _hop(pieces, "http", _URL_PORTS, f"speaks HTTP to a {scheme}:// proxy")


def _go_entry_words(target: Target, entry: str) -> str:
    del target
    shape = _shape(entry)
    if shape == "dot" or re.fullmatch(r"\*\.[^*]+", entry):
        return "takes a leading dot in no_proxy for the names below, not for the name itself"
    words = {
        **_NAME_WORDS,
        "wildcard": "knows no wildcards in no_proxy but a leading '*.'",
        "angle": "knows no <local> in no_proxy",
        "network": "wants whole addresses before the / of a network",
        "brackets": "wants IPv6 addresses in no_proxy without brackets, or with a port",
    }
    return words.get(shape, _OTHERWISE)


_GO = _Client(
    "Go",
    {"ws": ("http_proxy",), "wss": ("https_proxy",)},
    _upper_first,
    _go_covering,
    _go_read,
    _go_entry_words,
    never_proxies=_go_never,
)


def go(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where Go's ``net/http`` would go."""
    answer = _ask(_GO, target, environ)
    setting = _upper_first("http_proxy", environ)
    if target.scheme == "ws" and environ.get("REQUEST_METHOD") and setting is not None:
        because = f"refuses {setting.spelling} where REQUEST_METHOD is set (CGI)"
        failure = f"refuses {setting.spelling}"
        return Answer("Go", None, because, failure, remarks=answer.remarks)
    return answer


# --- requests ----------------------------------------------------------------------------


def _urllib_covering(host: str, port: int | None, value: str) -> str | None:
    """As ``urllib.request.proxy_bypass_environment``, which compares texts."""
    if value == "*":
        return value
    with_port = host if port is None else f"{host}:{port}"
    for text in value.split(","):
        name = text.strip().lstrip(".").lower()
        if name and any(name == one or one.endswith(f".{name}") for one in (host, with_port)):
            return text.strip()
    return None


def _requests_covering(target: Target, value: str) -> str | None:
    host = _host(target)
    # Only a port that stands in the URL is compared; a target has forgotten whether it did.
    port = None if target.port == _DEFAULT_PORTS[target.scheme] else target.port
    literal = ip_literal(host)
    for text in value.replace(" ", "").split(","):
        if isinstance(literal, IPv4Address):
            if text == host or _requests_network(text, literal):
                return text
        elif text and _urllib_covering(host, port, text) and text != "*":
            return text
    # After its own rules it asks urllib, without the port.
    return _urllib_covering(host, None, value)


def _requests_network(entry: str, address: IPv4Address) -> bool:
    base, _, prefix = entry.partition("/")
    if not isinstance(ip_literal(base), IPv4Address):
        return False
    if not (prefix.isdecimal() and 1 <= int(prefix) <= 32):
        return False
    return address in ip_network(f"{base}/{prefix}", strict=False)


def _requests_find(name: str, environ: Mapping[str, str]) -> _Setting | None:
    return (_lower_first if name == "no_proxy" else _as_urllib)(name, environ)


def _requests_read(name: str, value: str) -> Hop | _Unusable:
    del name
    if value != value.strip():
        return _Unusable("does not strip blanks")
    pieces = _cut(value)
    if pieces is None:
        return _NONSENSE
    if not pieces.scheme and pieces.userinfo is not None:
        return _Unusable("wants a scheme before credentials")
    scheme = pieces.scheme or "http"
    if scheme not in _URL_PORTS:
        return _Unusable(f"knows no {scheme}:// proxies")
    return _hop(pieces, scheme, _URL_PORTS)


def _requests_entry_words(target: Target, entry: str) -> str:
    shape = _shape(entry)
    if shape == "port" and isinstance(ip_literal(_host(target)), IPv4Address):
        return "knows no ports of IPv4 addresses in no_proxy"
    words = {
        **_NAME_WORDS,
        "star": "takes '*' only if it is all of no_proxy",
        "wildcard": "knows no wildcards in no_proxy",
        "angle": "knows no <local> in no_proxy",
        "network": "knows only IPv4 networks in no_proxy, from /1 to /32",
        "address": "compares IPv6 addresses as texts",
        "brackets": "wants IPv6 addresses in no_proxy without brackets",
        "port": "compares ports in no_proxy only with a port that stands in the URL",
    }
    return words.get(shape, _OTHERWISE)


_REQUESTS = _Client(
    "requests",
    {"ws": ("http_proxy", "all_proxy"), "wss": ("https_proxy", "all_proxy")},
    _requests_find,
    _requests_covering,
    _requests_read,
    _requests_entry_words,
    _urllib_overlooks,
)


def requests(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where requests would go."""
    return _ask(_REQUESTS, target, environ)


# --- websockets --------------------------------------------------------------------------


def _websockets_covering(target: Target, value: str) -> str | None:
    return _urllib_covering(_host(target), target.port, value)


_WEBSOCKETS_PORTS = {"https": 443, "http": 80, **dict.fromkeys(_SOCKS, 80)}


def _websockets_read(name: str, value: str) -> Hop | _Unusable:
    if value.strip() and value != value.rstrip():
        return _Unusable("does not strip blanks")
    pieces = _cut(value.lstrip())
    if pieces is None:
        return _NONSENSE
    if not pieces.scheme:
        return _Unusable("wants a scheme, as in http://host:port")
    if pieces.scheme not in _WEBSOCKETS_PORTS:
        return _Unusable(f"knows no {pieces.scheme}:// proxies")
    if pieces.tail not in ("", "/"):
        return _Unusable("wants nothing behind the port")
    if pieces.userinfo is not None and ":" not in pieces.userinfo:
        return _Unusable("wants a password beside the user name")
    if name == "socks_proxy" and pieces.scheme == "http":
        remark = "takes http:// in socks_proxy for socks5h://"
        return _hop(pieces, "socks5h", _WEBSOCKETS_PORTS, remark)
    return _hop(pieces, pieces.scheme, _WEBSOCKETS_PORTS)


def _websockets_entry_words(target: Target, entry: str) -> str:
    del target
    words = {
        **_NAME_WORDS,
        "star": "takes '*' only if it is all of no_proxy",
        "wildcard": "knows no wildcards in no_proxy",
        "angle": "knows no <local> in no_proxy",
        "network": "knows no networks in no_proxy",
        "address": "compares IPv6 addresses as texts",
        "brackets": "wants IPv6 addresses in no_proxy without brackets",
        "port": "wants IPv6 addresses in no_proxy without brackets",
    }
    return words.get(_shape(entry), _OTHERWISE)


_WEBSOCKETS = _Client(
    "websockets",
    {
        "ws": ("ws_proxy", "socks_proxy", "https_proxy", "http_proxy"),
        "wss": ("wss_proxy", "socks_proxy", "https_proxy"),
    },
    _as_urllib,
    _websockets_covering,
    _websockets_read,
    _websockets_entry_words,
    _urllib_overlooks,
)


def websockets(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where websockets would go."""
    return _ask(_WEBSOCKETS, target, environ)


# --- the comparison ----------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """One client beside ours.

    Attributes:
      client: Its name.
      route: Its route in words, masked.
      differs: Whether that is another one than ours.
      why: One sentence, without its full stop; empty if there is nothing to say.

    """

    client: str
    route: str
    differs: bool
    why: str = ""


def compare(
    route: Route, environ: Mapping[str, str], *, platform: str = "linux"
) -> tuple[Comparison, ...]:
    """Set beside a route of ours what the others would do.

    Args:
      route: Ours, found with ``proxy=True`` and this environment.
      environ: The environment.
      platform: As in :data:`sys.platform`. Windows does not tell ``http_proxy`` from
        ``HTTP_PROXY``; Windows and macOS have settings of their own.

    Returns:
      One comparison for each client; none for ``tcp://`` and ``tls://``, which they do not know.

    """
    if route.target.scheme not in _DEFAULT_PORTS:
        return ()
    if platform == "win32":
        environ = {
            name.lower() if name.upper().endswith("_PROXY") else name: value
            for name, value in environ.items()
        }
    has_settings = platform in ("win32", "darwin")
    clients = (_CURL, curl), (_GO, go), (_REQUESTS, requests), (_WEBSOCKETS, websockets)
    return tuple(
        _compare(route, client, ask(route.target, environ), environ, has_settings=has_settings)
        for client, ask in clients
    )


def _compare(
    route: Route,
    client: _Client,
    answer: Answer,
    environ: Mapping[str, str],
    *,
    has_settings: bool,
) -> Comparison:
    if has_settings and client in (_REQUESTS, _WEBSOCKETS) and not _names_any(environ):
        # They ask urllib.request.getproxies(), as we do, but its proxy_bypass() too.
        why = f"{client.name} looks there too, and reads the exceptions by rules of its own"
        return Comparison(client.name, "as the operating system says", differs=False, why=why)
    if not _differs(route, answer):
        return Comparison(client.name, answer.route, differs=False)
    clauses = [clause for clause in _clauses(route, client, answer, environ) if clause]
    why = f"{client.name} {'; it '.join(dict.fromkeys(clauses))}"
    return Comparison(client.name, answer.route, differs=True, why=why)


def _names_any(environ: Mapping[str, str]) -> bool:
    return any(name.lower().endswith("_proxy") and value for name, value in environ.items())


def _differs(route: Route, answer: Answer) -> bool:
    if answer.failure:
        return True
    ours = [_key(hop, route.target) for hop in route.hops]
    return ours != ([] if answer.hop is None else [_key(answer.hop, route.target)])


def _key(hop: Hop | Proxy, target: Target) -> tuple[str, str, int]:
    scheme = hop.scheme
    if ip_literal(_host(target)):  # nothing is left to resolve
        scheme = {"socks5": "socks5h", "socks4": "socks4a"}.get(scheme, scheme)
    return scheme, hop.host, hop.port


def _clauses(
    route: Route, client: _Client, answer: Answer, environ: Mapping[str, str]
) -> Sequence[str]:
    """The reasons for a difference: what became of our reason, then what came of theirs."""
    place = route.source.removeprefix(_VARIABLE)
    if place not in environ and place.lower() in environ:  # Windows
        place = place.lower()
    if route.source == _SYSTEM:
        looks = client in (_REQUESTS, _WEBSOCKETS)
        when = " as soon as a variable ends in _proxy" if looks else ""
        return (f"does not look at the operating system's settings{when}",)
    remark = answer.remarks.get(place, "")
    if place.lower() == "no_proxy" and not answer.bypass:
        remark = remark or _entry_clause(route, client, environ[place])
    if remark and answer.hop is not None and place.lower() in ("no_proxy", _LOOPBACK):
        return (remark,)
    return remark, answer.because or ("" if remark else "finds no variable that it looks at")


def _entry_clause(route: Route, client: _Client, value: str) -> str:
    entry: BypassEntry | None = parse_bypass(value.strip(), source="").find(route.target)
    if entry is None:
        return ""
    texts = _curl_entries(value) if client is _CURL else map(str.strip, value.split(","))
    if entry.text not in texts:
        return "wants commas between the entries of no_proxy"
    return client.entry_words(route.target, entry.text.lower())
