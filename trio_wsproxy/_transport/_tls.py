"""TLS layers: the handshake, and the name of its failure.

TLS may stand on any stream, another TLS layer included, so ``https://`` proxies in front of
``wss://`` servers (TLS in TLS) need nothing special here.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any, NamedTuple, cast

import trio

from trio_wsproxy._failures import Kind, Topic, Words, words
from trio_wsproxy._report import Certificate, read_certificate

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
    presented: list[Certificate] | None = None,
) -> trio.SSLStream[trio.abc.Stream]:
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
      presented: Gets the certificates of a peer that was refused for them, its own first, from
        Python 3.13 on.

    Raises:
      trio.BrokenResourceError: The handshake failed; :func:`tls_failure` names the reason.
      ValueError: ``host`` cannot be a TLS server name.

    """
    watched = _Watched(context)
    try:
        tls = trio.SSLStream(
            stream,
            cast("ssl.SSLContext", watched),
            server_hostname=host,
            https_compatible=https_compatible,
        )
        await tls.do_handshake()
    except BaseException as exc:
        if presented is not None and isinstance(tls_failure(exc), ssl.SSLCertVerificationError):
            presented += watched.presented()
        await trio.aclose_forcefully(stream)
        raise
    return tls


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

    def presented(self) -> list[Certificate]:
        """Give the certificates that the peer sent, trusted or not."""
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


class TLSFailure(NamedTuple):
    """Why a TLS handshake failed.

    Attributes:
      kind: What kind of failure it is.
      what: In words, behind the name of the peer.
      remedy: What to try, where that does not depend on who the peer is.

    """

    kind: Kind
    what: Words
    remedy: Words | None = None


def explain_tls_failure(
    exc: BaseException, trust: Topic, certificate: Certificate | None = None
) -> TLSFailure:
    """Find out why a TLS handshake failed, and what to try.

    Args:
      exc: What the handshake raised.
      trust: How to trust the authority of a certificate.
      certificate: The one that was refused, if it is known.

    """
    error = tls_failure(exc)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_failure(error, trust, certificate)
    if isinstance(error, ssl.SSLEOFError):
        what = words("it closed the connection during the TLS handshake")
        return TLSFailure(Kind.CUT_OFF, what)
    reason = (error.reason or str(error)) if error else ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        what = words("it does not speak TLS on that port (OpenSSL: {reason})", reason=reason)
        return TLSFailure(Kind.NO_TLS, what)
    if reason:
        what = words("the TLS handshake failed (OpenSSL: {reason})", reason=reason)
        return TLSFailure(Kind.TLS_FAILED, what, client_certificate_hint(reason))
    if isinstance(exc, ValueError):
        what = words("its name cannot be used with TLS ({problem})", problem=str(exc))
        return TLSFailure(Kind.MISCONFIGURED, what)
    return TLSFailure(Kind.CUT_OFF, words("it broke the connection during the TLS handshake"))


def client_certificate_hint(reason: str) -> Words | None:
    """Say what to try when the peer may have missed a certificate of ours."""
    if any(word in reason for word in _WANTS_CERTIFICATE):
        return CLIENT_CERTIFICATE
    return None


def _certificate_failure(
    error: ssl.SSLCertVerificationError, trust: Topic, certificate: Certificate | None
) -> TLSFailure:
    what = words("its certificate was refused: {message}", message=error.verify_message.rstrip("."))
    code = error.verify_code
    if code in _UNKNOWN_ISSUER:
        if certificate and certificate.issuer:
            what = words(
                "{what}; it was issued by {issuer!r}", what=what, issuer=certificate.issuer
            )
        remedy = words(
            "if that is your company's own authority (TLS inspection), {trust}", trust=trust
        )
        return TLSFailure(Kind.UNKNOWN_ISSUER, what, remedy)
    if code in _NAME_MISMATCH:
        remedy = words("use a name that the certificate is for")
    elif code in _OUT_OF_DATE:
        remedy = words("it has to be renewed, if the clock of this machine is right")
    else:
        return TLSFailure(Kind.CERTIFICATE_REFUSED, what)
    return TLSFailure(Kind.CERTIFICATE_REFUSED, what, remedy)


CLIENT_CERTIFICATE = words(
    "if it wants a client certificate, {give}", give=Topic.CLIENT_CERTIFICATE
)

# Parts of OpenSSL's names for the alerts that servers send then.
_WANTS_CERTIFICATE = (
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_HANDSHAKE_FAILURE",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
)

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NAME_MISMATCH = {62, 64}  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
_OUT_OF_DATE = {9, 10}  # CERT_NOT_YET_VALID, CERT_HAS_EXPIRED
_UNKNOWN_ISSUER = {18, 19, 20, 21}  # self-signed leaf or root, issuer not found, leaf not verified
