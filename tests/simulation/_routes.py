"""The routes of the scenarios: which proxies stand on the way to the server, and who has to log in there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from _asking_proxy import AuthScheme, ScriptedNegotiate

from trio_wsproxy import DigestAuth, NTLMAuth, ProxyAuth

PASSWORD = "Tr0ub4dor&3"  # must never be seen
WRONG = "not-the-passw0rd"
USER = "ada"
# The last six are HTTP proxies that ask who comes, in several rounds; with three of them TLS is spoken.
Scheme = Literal[
    "http",
    "https",
    "socks4",
    "socks4a",
    "socks5",
    "socks5h",
    "digest",
    "ntlm",
    "negotiate",
    "tls-digest",
    "tls-ntlm",
    "tls-negotiate",
]
DOMAIN = "CORP"
LOGINS: dict[AuthScheme, ProxyAuth] = {
    "digest": DigestAuth(USER, PASSWORD),
    "ntlm": NTLMAuth(f"{DOMAIN}\\{USER}", PASSWORD),
    "negotiate": ScriptedNegotiate(USER, PASSWORD),
}


@dataclass(frozen=True)
class Route:
    """How a scenario's client reaches its server; ``hops`` are nearest first."""

    hops: tuple[Scheme, ...] = ()
    tls: bool = False
    login: bool = False

    @property
    def asks(self) -> AuthScheme | None:
        """The scheme that the last proxy wants to hear, where that takes several rounds."""
        last = self.hops[-1].removeprefix("tls-") if self.hops else ""
        return next((scheme for scheme in LOGINS if scheme == last), None)

    @property
    def name(self) -> str:
        """For counting."""
        return "+".join((*self.hops, "wss" if self.tls else "ws")) + (
            "+login" if self.login else ""
        )


WAYS: list[tuple[tuple[Scheme, ...], bool]] = [
    ((), False),
    (("http",), False),
    (("http",), True),
    (("https",), False),
    (("socks4a",), False),
    (("socks5",), False),
    (("socks5h",), True),
    (("digest",), True),
    (("http", "socks5h"), False),
    (("https", "http"), True),
    (("socks5h", "https", "http"), False),
    (("http", "http", "digest"), True),
    (("socks4",), False),
    (("socks4",), True),
    (("https", "socks4"), False),
    (("ntlm",), True),
    (("tls-ntlm",), True),
    (("https", "ntlm"), True),
    (("negotiate",), True),
    (("tls-negotiate",), True),
    (("socks5h", "negotiate"), True),
    (("tls-digest",), True),
]
ROUTES = [Route(hops, tls, login) for hops, login in WAYS for tls in (False, True)]


def speaks_tls(scheme: Scheme) -> bool:
    """Tell whether TLS is spoken with a proxy."""
    return scheme == "https" or scheme.startswith("tls-")
