"""One proxy of a chain while it is being dialed, and the errors that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from trio_wsproxy._exceptions import ProxyProtocolError, ProxyUnreachable
from trio_wsproxy._failures import StageName
from trio_wsproxy._urls._proxies import Proxy

from ._tls import client_certificate_hint, tls_failure


@dataclass(frozen=True)
class Hop:
    """A proxy and its place.

    Attributes:
      proxy: The proxy.
      number: Its place in the chain, from 1, nearest first.
      count: The length of the chain.
      source: Where the setting came from, in words.

    """

    proxy: Proxy
    number: int
    count: int
    source: str

    def __str__(self) -> str:
        """Name the proxy as every message does: masked URL, place in a chain, source."""
        place = f"hop {self.number} of {self.count}, " if self.count > 1 else ""
        return f"proxy {self.proxy.url} ({place}from {self.source})"

    def unreachable(self, stage: StageName, text: str) -> ProxyUnreachable:
        """Make the error for a proxy that no connection could be made to."""
        return ProxyUnreachable(
            f"{self} {text}", proxy=self.proxy.url, hop=self.number, stage=stage
        )

    def broke_protocol(self, stage: StageName, text: str) -> ProxyProtocolError:
        """Make the error for a proxy that answered something else, or half an answer."""
        return ProxyProtocolError(
            f"{self} {text}", proxy=self.proxy.url, hop=self.number, stage=stage
        )

    @property
    def right_protocol(self) -> str:
        """What to ask where a proxy hangs up instead of answering."""
        if self.proxy.scheme == "http":
            return "does it speak HTTP (rather than SOCKS or TLS) on that port?"
        return f"does it speak {self.proxy.scheme} on that port?"

    def broken(
        self, stage: StageName, doing: str, exc: trio.BrokenResourceError
    ) -> ProxyUnreachable | ProxyProtocolError:
        """Make the error for a stream that broke, which says at what; raise it from ``exc``."""
        reason = getattr(tls_failure(exc), "reason", None) or ""
        if self.proxy.scheme == "https" and "ALERT" in reason:
            # With TLS 1.3 the proxy looks at our certificate after our handshake is done.
            return self.unreachable(
                "proxy_tls",
                f"broke TLS off behind its handshake (OpenSSL: {reason})"
                f"{client_certificate_hint(reason)}",
            )
        why = f" (OpenSSL: {reason})" if reason else ""
        return self.broke_protocol(
            stage, f"broke the connection while {doing}{why}; {self.right_protocol}"
        )

    @contextmanager
    def conversation(self, stage: StageName, doing: str) -> Iterator[None]:
        """Turn a stream that breaks into an error that says at what."""
        try:
            yield
        except trio.BrokenResourceError as exc:
            raise self.broken(stage, doing, exc) from exc
