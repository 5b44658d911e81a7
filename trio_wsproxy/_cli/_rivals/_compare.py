"""What the others would do, set beside a route of ours, with the reason for a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trio_wsproxy._routing import DESKTOP_SOURCES, BypassEntry, Route, parse_bypass
from trio_wsproxy._urls import Proxy, Target, ip_literal

from ._common import DEFAULT_PORTS, LOOPBACK, Answer, Client, ProxyAsRead, host_of
from ._curl import CURL, curl, entries_of
from ._go import GO, go
from ._requests import REQUESTS, requests
from ._websockets import WEBSOCKETS, websockets

_SYSTEM = "operating system settings"


@dataclass(frozen=True)
class Comparison:
    """One client beside ours.

    Attributes:
      client: Its name.
      route: Its route in words, masked.
      differs: Whether that is another one than ours.
      clause: What it does, as a clause behind its name; empty if there is nothing to say. Where the
        route is ours, what it does otherwise on it.

    """

    client: str
    route: str
    differs: bool
    clause: str = ""

    @property
    def why(self) -> str:
        """One sentence, without its full stop; empty if there is nothing to say."""
        return f"{self.client} {self.clause}" if self.clause else ""


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
    if route.target.scheme not in DEFAULT_PORTS:
        return ()
    if platform == "win32":
        environ = {
            name.lower() if name.upper().endswith("_PROXY") else name: value
            for name, value in environ.items()
        }
    has_settings = platform in ("win32", "darwin")
    clients = (CURL, curl), (GO, go), (REQUESTS, requests), (WEBSOCKETS, websockets)
    return tuple(
        _compare(route, client, ask(route.target, environ), environ, has_settings=has_settings)
        for client, ask in clients
    )


def _compare(
    route: Route,
    client: Client,
    answer: Answer,
    environ: Mapping[str, str],
    *,
    has_settings: bool,
) -> Comparison:
    if has_settings and client in (REQUESTS, WEBSOCKETS) and not _names_any(environ):
        # They ask urllib.request.getproxies(), as we do, but its proxy_bypass() too.
        clause = "looks there too, and reads the exceptions by rules of its own"
        system = "as the operating system says"
        return Comparison(client.name, system, differs=False, clause=clause)
    differs = _differs(route, answer)
    clauses = [clause for clause in _clauses(route, client, answer, environ) if clause and differs]
    if answer.proxy is not None and answer.proxy.is_single_sign_on:
        clauses.append(client.single_sign_on)
    clause = "; it ".join(dict.fromkeys(clauses))
    return Comparison(client.name, answer.route, differs=differs, clause=clause)


def _names_any(environ: Mapping[str, str]) -> bool:
    return any(name.lower().endswith("_proxy") and value for name, value in environ.items())


def _differs(route: Route, answer: Answer) -> bool:
    if answer.failure:
        return True
    ours = [_key(hop, route.target) for hop in route.hops]
    return ours != ([] if answer.proxy is None else [_key(answer.proxy, route.target)])


def _key(hop: ProxyAsRead | Proxy, target: Target) -> tuple[str, str, int]:
    scheme = hop.scheme
    if ip_literal(host_of(target)):  # nothing is left to resolve
        scheme = {"socks5": "socks5h", "socks4": "socks4a"}.get(scheme, scheme)
    return scheme, hop.host, hop.port


def _clauses(
    route: Route, client: Client, answer: Answer, environ: Mapping[str, str]
) -> Sequence[str]:
    """The reasons for a difference: what became of our reason, then what came of theirs."""
    place = route.variable or route.source
    if place not in environ and place.lower() in environ:  # Windows
        place = place.lower()
    if route.source == _SYSTEM:
        looks = client in (REQUESTS, WEBSOCKETS)
        when = " as soon as a variable ends in _proxy" if looks else ""
        return (f"does not look at the operating system's settings{when}",)
    if route.source in DESKTOP_SOURCES:
        return ("does not look at the desktop's settings",)
    remark = answer.remarks.get(place, "")
    if place.lower() == "no_proxy" and not answer.bypass:
        remark = remark or _entry_clause(route, client, environ[place])
    if remark and answer.proxy is not None and place.lower() in ("no_proxy", LOOPBACK):
        return (remark,)
    return remark, answer.because or ("" if remark else "finds no variable that it looks at")


def _entry_clause(route: Route, client: Client, value: str) -> str:
    entry: BypassEntry | None = parse_bypass(value.strip()).find(route.target)
    if entry is None:
        return ""
    texts = entries_of(value) if client is CURL else map(str.strip, value.split(","))
    if entry.text not in texts:
        return "wants commas between the entries of no_proxy"
    return client.entry_words(route.target, entry.text.lower())
