"""Where a way passes and where it ends: a hop or the server, and the failures that name it.

The dialer reaches one :data:`Stop` after the other and does with each what it is for. What a stop
is called, which stage TLS with it is, and which error tells of it, the stop knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import trio

from trio_wsproxy._exceptions import (
    ProxyAuthenticationError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerUnreachable,
    failed,
)
from trio_wsproxy._failures import (
    Evidence,
    Failure,
    Kind,
    Place,
    StageName,
    Topic,
    Value,
    Words,
    words,
)
from trio_wsproxy._http import IS_PROXY, Speaks
from trio_wsproxy._records import Record
from trio_wsproxy._urls import Proxy, Target, bare_host

from ._tls import tls_failure
from ._tls_failure import TLSFailure, alert_behind_handshake, failure_behind_handshake

# The scheme of a proxy URL by what its port speaks.
SCHEME_OF: dict[str, str] = {
    "TLS": "https",
    "SOCKS5": "socks5h",
    "SOCKS4": "socks4a",
    "HTTP": "http",
}

# What could not be done with a server whose TLS failed, by the kind of that; of others: to use it.
_WHAT_FAILED = {
    Kind.UNKNOWN_ISSUER: "trusted",
    Kind.CERTIFICATE_REFUSED: "trusted",
    Kind.NO_TLS: "understood",
    Kind.OTHER_PROTOCOL: "understood",
}


class Hop(Record):
    """A proxy and its place.

    Attributes:
      proxy: The proxy.
      number: Its place in the chain, from 1, nearest first.
      count: The length of the chain.
      source: Where the setting came from, in words.
      tls_stage: What TLS with it is called.
      trust: How to trust the authority that signs for it.
      name: What every message calls it: masked URL, place in a chain, source.

    """

    __slots__ = ("count", "name", "number", "proxy", "source")

    tls_stage: Final = "proxy_tls"

    def __init__(self, proxy: Proxy, number: int, count: int, source: Value) -> None:
        self.proxy = proxy
        self.number = number
        self.count = count
        self.source = source
        self.name = _name_of(proxy.url, number, count, source)

    def __str__(self) -> str:
        return str(self.name)

    @property
    def trust(self) -> Topic:
        """How to trust the authority that signs for it."""
        return Topic.TRUST_PROXY if self.proxy.ssl_context is None else Topic.TRUST_OWN

    @property
    def host(self) -> str:
        """Its name or address."""
        return self.proxy.host

    @property
    def tls_name(self) -> str:
        """What TLS with it asks for, and its certificate is to be valid for."""
        return self.proxy.server_hostname or bare_host(self.proxy.host)

    @property
    def port(self) -> int:
        """Its TCP port."""
        return self.proxy.port

    @property
    def authority(self) -> str:
        """Host and port, without a zone."""
        return self.proxy.authority

    @property
    def place(self) -> Place:
        """For failures."""
        return Place(self.proxy.url, self.number)

    @property
    def hops_before(self) -> int:
        """How many proxies lead to it."""
        return self.number - 1

    # -- failures -----------------------------------------------------------------------

    def unreachable(
        self, kind: Kind, stage: StageName, why: Words, remedy: Words, evidence: Evidence | None
    ) -> ProxyUnreachable:
        """Make the error for a proxy that no TCP connection could be made to."""
        what = words("{hop} cannot be reached: {why}", hop=self.name, why=why)
        failure = Failure(kind, stage, what, remedy, self.place, evidence)
        return failed(ProxyUnreachable, failure)

    def distrusted(self, tls: TLSFailure, evidence: Evidence | None) -> ProxyUnreachable:
        """Make the error for a TLS handshake with it that failed."""
        remedy = tls.remedy
        if tls.kind is Kind.NO_TLS and remedy is None:
            remedy = self.other_scheme(tls.speaks)
        elif tls.kind is Kind.CUT_OFF and remedy is None:
            remedy = words(
                "if it speaks no TLS on that port, use http:// for its scheme, or socks5h:// for SOCKS"
            )
        elif tls.other_name:
            asked = tls.kind is Kind.TLS_FAILED  # the remedy is a question
            between = " " if asked else "; "
            ask = Topic.ASK_FOR_NAME
            remedy = words("{what}{between}{ask}", what=remedy or "", between=between, ask=ask)
        what = words("{hop} cannot be used: {why}", hop=self.name, why=tls.what)
        failure = Failure(tls.kind, self.tls_stage, what, remedy, self.place, evidence)
        return failed(ProxyUnreachable, failure)

    def broke_protocol(
        self,
        stage: StageName,
        what: Value,
        remedy: Words | None = None,
        kind: Kind = Kind.OTHER_PROTOCOL,
    ) -> ProxyProtocolError:
        """Make the error for a proxy that answered something else, or half an answer."""
        return failed(ProxyProtocolError, self._failure(kind, stage, what, remedy))

    def rejected(
        self, stage: StageName, what: Value, remedy: Words | None = None, **more: Any
    ) -> ProxyRejected:
        """Make the error for a proxy that refused; ``more`` is what it answered."""
        return failed(ProxyRejected, self._failure(Kind.REFUSED, stage, what, remedy), **more)

    def unauthenticated(
        self, stage: StageName, what: Value, remedy: Words | None = None, **more: Any
    ) -> ProxyAuthenticationError:
        """Make the error for a proxy that refused for the credentials."""
        failure = self._failure(Kind.UNAUTHENTICATED, stage, what, remedy)
        return failed(ProxyAuthenticationError, failure, **more)

    def _failure(self, kind: Kind, stage: StageName, what: Value, remedy: Words | None) -> Failure:
        named = words("{hop} {what}", hop=self.name, what=what)
        return Failure(kind, stage, named, remedy, self.place)

    @property
    def right_protocol(self) -> Words:
        """What to try where a proxy hangs up instead of answering."""
        if self.proxy.scheme == "https":
            return words("is it an HTTP proxy that speaks on that port, behind TLS?")
        others = {"SOCKS": "socks5h", "TLS": "https"}
        if self.proxy.is_socks:
            version = "SOCKS5" if self.proxy.scheme.startswith("socks4") else "SOCKS4"
            others = {version: SCHEME_OF[version], "HTTP": "http"}
        (one, other), (scheme, another) = others, others.values()
        return words(
            "if it speaks {one} or {other} on that port, use {scheme}:// or {another}:// for its scheme",
            one=one,
            other=other,
            scheme=scheme,
            another=another,
        )

    def other_scheme(self, speaks: Speaks) -> Words:
        """What to try where a proxy answers in another protocol."""
        scheme = SCHEME_OF.get(speaks)
        if scheme is not None and scheme != self.proxy.scheme:
            return words("use {scheme}:// for its scheme", scheme=scheme)
        if speaks == "HTTP/2":
            return words("use a port where it speaks HTTP/1.1")
        if speaks == "words":
            return words("that is no proxy: are host and port of the proxy URL right?")
        return words("are the proxy URL's scheme, host and port right?")

    def broken(
        self,
        stage: StageName,
        doing: str,
        exc: trio.BrokenResourceError,
        remedy: Words | None = None,
    ) -> ProxyUnreachable | ProxyProtocolError:
        """Make the error for a stream that broke, which says at what; raise it from ``exc``."""
        alert = alert_behind_handshake(exc) if self.proxy.scheme == "https" else None
        if alert is not None:
            return self.broke_tls(alert)
        reason = getattr(tls_failure(exc), "reason", None) or ""
        what = words(
            "broke the connection while {doing}{why}",
            doing=doing,
            why=f" (OpenSSL: {reason})" if reason else "",
        )
        return self.broke_protocol(stage, what, remedy or self.right_protocol, Kind.CUT_OFF)

    def broke_tls(self, tls: TLSFailure) -> ProxyUnreachable:
        """Make the error for TLS with it that came to nothing behind its handshake."""
        failure = self._failure(tls.kind, self.tls_stage, tls.what, tls.remedy)
        return failed(ProxyUnreachable, failure)

    @contextmanager
    def behind_handshake(self, stream: trio.abc.Stream) -> Iterator[None]:
        """Tell what TLS with it has to do with an answer that did not come on that stream."""
        try:
            yield
        except (ProxyProtocolError, ProxyUnreachable) as exc:
            failure = failure_behind_handshake(stream, exc, Topic.PROXY_SSL_CONTEXT)
            if failure is None:
                raise
            raise self.broke_tls(failure) from exc.__cause__

    @contextmanager
    def conversation(
        self, stage: StageName, doing: str, remedy: Callable[[], Words | None] = lambda: None
    ) -> Iterator[None]:
        """Turn a stream that breaks into an error that says at what, and what to try then."""
        try:
            yield
        except trio.BrokenResourceError as exc:
            raise self.broken(stage, doing, exc, remedy()) from exc


class Server(Record):
    """The target, at the end of all hops.

    Attributes:
      target: The target.
      hops: The proxies that lead to it.
      number: ``None``, for it is no hop.
      tls_stage: What TLS with it is called.
      trust: How to trust the authority that signs for it.

    """

    __slots__ = ("hops", "target")

    number: Final = None
    tls_stage: Final = "server_tls"
    trust: Final = Topic.TRUST_SERVER

    def __init__(self, target: Target, hops: tuple[Proxy, ...] = ()) -> None:
        self.target = target
        self.hops = hops

    @property
    def name(self) -> Words:
        """Name the server as every message does."""
        host, port = self.target.host, self.target.port  # with the zone, if it has one
        return words(
            "the server {address}", address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        )

    def __str__(self) -> str:
        return str(self.name)

    @property
    def host(self) -> str:
        """Its name or address."""
        return self.target.host

    @property
    def tls_name(self) -> str:
        """What TLS with it asks for, and its certificate is to be valid for."""
        return bare_host(self.target.host)

    @property
    def port(self) -> int:
        """Its TCP port."""
        return self.target.port

    @property
    def authority(self) -> str:
        """Host and port, without a zone."""
        return self.target.authority

    @property
    def hops_before(self) -> int:
        """How many proxies lead to it."""
        return len(self.hops)

    # -- failures -----------------------------------------------------------------------

    def unreachable(
        self, kind: Kind, stage: StageName, why: Words, remedy: Words, evidence: Evidence | None
    ) -> ServerUnreachable:
        """Make the error for a server that no TCP connection could be made to."""
        what = words("{server} cannot be reached: {why}", server=self.name, why=why)
        return failed(ServerUnreachable, Failure(kind, stage, what, remedy, evidence=evidence))

    def distrusted(self, tls: TLSFailure, evidence: Evidence | None) -> ServerUnreachable:
        """Make the error for a TLS handshake with it that failed."""
        remedy = tls.remedy or self._without_tls(tls)
        what = words(
            "{server}{through} could not be {done}: {why}",
            server=words("the server {authority}", authority=self.authority),
            through=f", reached through {self.hops[-1].url}," if self.hops else "",
            done=_WHAT_FAILED.get(tls.kind, "used"),
            why=tls.what,
        )
        failure = Failure(tls.kind, self.tls_stage, what, remedy, evidence=evidence)
        return failed(ServerUnreachable, failure)

    def _without_tls(self, tls: TLSFailure) -> Words | None:
        """What to try where it speaks no TLS, or hangs up on it."""
        plain = {"wss": "ws", "https": "http"}.get(self.target.scheme)
        if tls.kind is Kind.CUT_OFF:
            question = words("does it speak TLS on that port?")
            if plain is None:
                return question
            return words("{question} If not, use {plain}://", question=question, plain=plain)
        if tls.kind is not Kind.NO_TLS:
            return None
        if tls.speaks in ("SOCKS5", "SOCKS4"):
            return IS_PROXY
        if plain is None:
            return words("is that the right port? It may want STARTTLS first")
        if tls.speaks == "HTTP":
            return words("use {plain}://", plain=plain)
        return words("is that the right port?")


def _name_of(url: str, number: int, count: int, source: Value) -> Words:
    if count == 1:
        return words("proxy {url} (from {source})", url=url, source=source)
    return words(
        "proxy {url} (hop {number} of {count}, from {source})",
        url=url,
        number=number,
        count=count,
        source=source,
    )


#: Where a way passes or ends.
Stop: TypeAlias = Hop | Server


def stops(hops: tuple[Proxy, ...], target: Target, source: Value) -> tuple[tuple[Hop, ...], Server]:
    """List the stops of a way.

    Args:
      hops: The proxies, nearest first.
      target: Where it ends.
      source: Where the setting of the proxies came from.

    """
    count = len(hops)
    chain = (Hop(proxy, number, count, source) for number, proxy in enumerate(hops, start=1))
    return tuple(chain), Server(target, hops)
