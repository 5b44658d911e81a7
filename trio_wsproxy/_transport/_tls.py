"""TLS layers: the contexts, the handshake, and the name of its failure.

TLS may stand on any stream, another TLS layer included, so ``https://`` proxies in front of
``wss://`` servers (TLS in TLS) need nothing special here.
"""

from __future__ import annotations

import functools
import ssl

import trio

from trio_wsproxy._report._certificates import Certificate, read_certificate

HTTP_1_1 = ("http/1.1",)  # RFC 7301; CONNECT and the upgrade are HTTP/1.1 here, never h2


@functools.cache
def default_context(alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return the process's default context, which trusts what the platform trusts.

    Making one reads the platform's whole trust store, some 20 ms, so it is made once.

    Args:
      alpn: The protocols to offer. A context given by the user is never changed instead:
        it may be in use elsewhere.

    """
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


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

    Raises:
      trio.BrokenResourceError: The handshake failed; :func:`tls_failure` names the reason.
      ValueError: ``host`` cannot be a TLS server name.

    """
    try:
        tls = trio.SSLStream(
            stream, context, server_hostname=host, https_compatible=https_compatible
        )
        await tls.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return tls


def tls_failure(exc: BaseException | None) -> ssl.SSLError | None:
    """Find OpenSSL's error behind an exception of trio's, if there is one."""
    while exc is not None:
        if isinstance(exc, ssl.SSLError):
            return exc
        exc = exc.__cause__
    return None


def is_unknown_issuer(exc: BaseException) -> bool:
    """Tell whether a certificate was refused for nobody here knows who signed it."""
    error = tls_failure(exc)
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _UNKNOWN_ISSUER


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


def describe_tls_failure(exc: BaseException, certificate: Certificate | None = None) -> str:
    """Say in one line why a TLS handshake failed, and what to try.

    Args:
      exc: What the handshake raised.
      certificate: The one that was refused, if it is known.

    """
    error = tls_failure(exc)
    if isinstance(error, ssl.SSLCertVerificationError):
        message = error.verify_message.rstrip(".")
        hint = _certificate_hint(error.verify_code, certificate)
        return f"its certificate was refused: {message}{hint}"
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection during the TLS handshake"
    reason = (error.reason or str(error)) if error else ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"it does not speak TLS on that port (OpenSSL: {reason})"
    if reason:
        return f"the TLS handshake failed (OpenSSL: {reason}){client_certificate_hint(reason)}"
    if isinstance(exc, ValueError):
        return f"its name cannot be used with TLS ({exc})"
    return "it broke the connection during the TLS handshake"


def client_certificate_hint(reason: str) -> str:
    """Say what to try when the peer may have missed a certificate of ours."""
    if any(word in reason for word in _WANTS_CERTIFICATE):
        return "; if it wants a client certificate, load one into the context (load_cert_chain)"
    return ""


def _certificate_hint(code: int, certificate: Certificate | None) -> str:
    if code in _NAME_MISMATCH:
        return "; use a name that the certificate is for"
    if code in _OUT_OF_DATE:
        return "; it has to be renewed, if the clock of this machine is right"
    if code in _UNKNOWN_ISSUER:
        issuer = (
            f"; it was issued by {certificate.issuer!r}"
            if certificate and certificate.issuer
            else ""
        )
        return (
            f"{issuer}; if that is your company's own authority (TLS inspection), trust what the "
            "system trusts with the package truststore, or name the authority's file in "
            "SSL_CERT_FILE or a context's load_verify_locations"
        )
    return ""


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
