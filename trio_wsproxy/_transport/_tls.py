"""TLS layers: the handshake, and what is seen of a peer with whom it fails.

TLS may stand on any stream, another TLS layer included, so ``https://`` proxies in front of
``wss://`` servers (TLS in TLS) need nothing special here.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import trio

from trio_wsproxy._report import Certificate, read_certificate

from ._tcp_stream import TCPStream
from ._tls_stream import TLSStream

MAX_PAGE = 16 * 1024  # bytes of a page in place of TLS, to find its title in
MAX_START = 64  # bytes of what is no text; what speaks is seen from ten
PAGE_PATIENCE = 1  # seconds for them; the failure is known already
MAX_CHAIN = 10  # certificates of a peer that are read; there are three as a rule


def check_client_context(context: ssl.SSLContext | None) -> None:
    """Refuse a context that a client cannot use, before anything is dialed.

    Raises:
      TypeError: It is no context.
      ValueError: It is one for servers.

    """
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"a TLS context must be an ssl.SSLContext, not {type(context).__name__}")
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ValueError(
            "this TLS context is for servers; make one with ssl.create_default_context()"
        )


async def add_tls(
    stream: trio.abc.Stream,
    context: ssl.SSLContext,
    host: str,
    *,
    https_compatible: bool = True,
    seen: Seen | None = None,
) -> trio.SSLStream[trio.abc.Stream] | TLSStream:
    """Put TLS on a stream and finish its handshake.

    The stream is closed at once when the handshake fails or is cancelled, for half a
    handshake leaves it useless.

    Args:
      stream: The stream below; this call owns it until it returns.
      context: The context; it is not changed.
      host: The name or address that the certificate must be valid for.
      https_compatible: As in :class:`trio.SSLStream`. ``True`` by default: most peers close
        without close_notify, and HTTP and WebSocket have their own end marks, so nothing is
        lost by not insisting on it.
      seen: Gets what a failed handshake has seen of the peer.

    Returns:
      A :class:`TLSStream` over a stream that takes and gives without waiting, else one of trio's.

    Raises:
      trio.BrokenResourceError: The handshake failed; :func:`tls_failure` names the reason.
      ValueError: ``host`` cannot be a TLS server name.

    """
    witness, watched = _Witness(stream), _Watched(context)
    tls: trio.SSLStream[trio.abc.Stream] | TLSStream
    try:
        context = cast("ssl.SSLContext", watched)
        if https_compatible and isinstance(stream, (TCPStream, TLSStream)):
            tls = TLSStream(cast("TCPStream", witness), context, host)
        else:
            tls = trio.SSLStream(
                witness, context, server_hostname=host, https_compatible=https_compatible
            )
        await tls.do_handshake()
    except BaseException as exc:
        try:
            if seen is not None and isinstance(exc, trio.BrokenResourceError):
                seen.chain = watched.presented(exc)
                seen.received = await witness.rest_of_page()
        finally:
            await trio.aclose_forcefully(stream)
        raise
    tls.transport_stream = cast("TCPStream", stream)
    return tls


class Seen:
    """What is known of a peer with whom a handshake failed.

    Attributes:
      chain: The certificates of one that was refused for them, its own first; from Python 3.13 on.
      received: The first bytes of one that does not speak TLS: of text, up to the end of a page's title.

    """

    __slots__ = ("chain", "received")

    def __init__(self, chain: Sequence[Certificate] = (), received: bytes = b"") -> None:
        self.chain = chain
        self.received = received


class _Witness(trio.abc.Stream):
    """A stream below a handshake that keeps what came: whoever is no TLS peer may be a web page."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received = bytearray()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive from the stream below."""
        data = await self._stream.receive_some(max_bytes)
        if len(self._received) < MAX_PAGE:
            self._received += data
        return data

    async def rest_of_page(self) -> bytes:
        """Give what came; of text, up to the end of its title."""
        received = self._received
        if not (received[:1].isspace() or b" " < received[:1] < b"\x7f"):
            return bytes(received[:MAX_START])
        with trio.move_on_after(PAGE_PATIENCE), suppress(trio.BrokenResourceError):
            while len(received) < MAX_PAGE and b"</title" not in received.lower():
                data = await self._stream.receive_some()
                if not data:
                    break
                received += data
        return bytes(received[:MAX_PAGE])

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send through the stream below."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the stream below."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()


class _Watched:
    """A context that remembers what trio has made of it, and hides: only that knows who was there.

    It has what trio uses of a context, and so the one that it stands for is not changed.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._tls: ssl.SSLObject | None = None

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """As in :class:`ssl.SSLContext`."""
        self._tls = self._context.wrap_bio(*args, **kwargs)
        return self._tls

    def presented(self, exc: BaseException) -> list[Certificate]:
        """Give the certificates that the peer sent, if it was refused for them."""
        if not isinstance(tls_failure(exc), ssl.SSLCertVerificationError):
            return []
        ask = getattr(self._tls, "get_unverified_chain", list)  # from Python 3.13 on
        with suppress(ValueError):  # OpenSSL has read it; we cannot
            return [read_certificate(der) for der in (ask() or ())[:MAX_CHAIN]]
        return []


def tls_failure(exc: BaseException | None) -> ssl.SSLError | None:
    """Find OpenSSL's error behind an exception of trio's, if there is one."""
    while exc is not None:
        if isinstance(exc, ssl.SSLError):
            return exc
        exc = exc.__cause__
    return None


async def presented_certificates(stream: trio.abc.Stream, host: str) -> list[Certificate]:
    """Do a handshake that trusts anybody, take the certificates, and close the stream.

    trio's streams do not give out all that the ssl module knows, so the handshake is done here.

    Args:
      stream: The stream below; this call owns it.
      host: The name to ask for.

    Returns:
      The server's own first, then those that it sent to prove it; before Python 3.13, which is
      the first to tell, only its own.

    Raises:
      OSError: The handshake failed.
      trio.BrokenResourceError: The connection broke.
      ValueError: There is no certificate that can be read.

    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent over it
        tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await stream.send_all(outgoing.read())
                data = await stream.receive_some()
                incoming.write(data) if data else incoming.write_eof()
    finally:
        await trio.aclose_forcefully(stream)
    chain = getattr(tls, "get_unverified_chain", lambda: [tls.getpeercert(binary_form=True)])()
    return [read_certificate(der) for der in chain if der]
