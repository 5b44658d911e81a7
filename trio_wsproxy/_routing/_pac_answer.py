"""What a PAC script is asked, and what it answers: both are texts."""

from __future__ import annotations

from collections.abc import Callable

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import HIDDEN, secret, shown_page
from trio_wsproxy._urls import Proxy, Target, parse_proxy

MAX_WAYS = 32  # alternatives in an answer; more were never seen
_DEFAULT_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}
_NO_ADDRESS = lazy_pattern(r"[\s/@?#]")

# SOCKS alone means version 4 in all browsers, for there was no other when it was named; names go to
# the proxy (4a), as version 4 of today's proxies has it.
_SCHEMES = {
    "PROXY": "http",
    "HTTP": "http",
    "HTTPS": "https",
    "SOCKS": "socks4a",
    "SOCKS4": "socks4a",
    "SOCKS5": "socks5h",
}
_KINDS = tuple(f"{kind} " for kind in _SCHEMES)


def question(target: Target) -> tuple[str, str]:
    """URL and host that a script is asked about."""
    host = target.host.partition("%")[0]
    scheme = "https" if target.scheme in ("tcp", "tls") else target.scheme
    shown = f"[{host}]" if ":" in host else host
    default = _DEFAULT_PORTS.get(scheme, 443)
    port = "" if target.port == default else f":{target.port}"
    resource = target.resource if scheme == "ws" else "/"
    return secret(f"{scheme}://{shown}{port}{resource}"), host  # the query may be one


def shown_answer(text: str) -> str:
    """Make what a script says fit to be shown: in each element, all up to the last ``@`` is hidden."""
    elements = (_without_userinfo(element) for element in text.split(";"))
    return shown_page(";".join(elements))


def _without_userinfo(element: str) -> str:
    before, sign, behind = element.rpartition("@")
    if not sign:
        return element
    kind = before.split(None, 1)[0] if before.lstrip().upper().startswith(_KINDS) else ""
    return f"{kind} {HIDDEN}@{behind}"


def parse_answer(
    text: str, shown: Callable[[str], str] = shown_answer
) -> tuple[tuple[tuple[Proxy, ...], ...], tuple[str, ...]]:
    """Read an answer.

    Args:
      text: ``PROXY host:port``, ``HTTP``, ``HTTPS``, ``SOCKS``, ``SOCKS4``, ``SOCKS5`` likewise, or
        ``DIRECT``, in any case, with ``;`` between them and any blanks anywhere.
      shown: Makes a part of it fit to be shown.

    Returns:
      The alternatives in order, each of them once; and what makes no sense, a line each.

    """
    ways: dict[tuple[Proxy, ...], None] = {}
    odd: list[str] = []
    for number, element in enumerate(text.split(";", MAX_WAYS)):
        kind, *others = element.split(None, 1)[:2] or [""]
        address = others[0].strip() if others else ""
        if number == MAX_WAYS:
            odd.append(f"more than {MAX_WAYS} alternatives")
        elif kind.upper() == "DIRECT" and not address:
            ways[()] = None
        elif kind.upper() in _SCHEMES:
            proxy = _proxy(_SCHEMES[kind.upper()], address)
            if proxy is None:
                odd.append(f"{shown(element.strip())!r} has no host and port that make sense")
            else:
                ways[(proxy,)] = None
        elif kind:
            odd.append(f"{shown(element.strip())!r} is no kind of proxy that is known")
    return tuple(ways), tuple(odd)


def _proxy(scheme: str, address: str) -> Proxy | None:
    # A script names hosts and ports; a URL or credentials would have another meaning elsewhere.
    if not address or len(address) > 300 or _NO_ADDRESS.search(address):
        return None
    try:
        return parse_proxy(f"{scheme}://{address}", source="PAC")
    except ProxyConfigError:
        return None
