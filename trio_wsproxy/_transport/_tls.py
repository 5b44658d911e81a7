"""TLS layers: the contexts, the handshake, and the name of its failure.

TLS may stand on any stream, another TLS layer included, so ``https://`` proxies in front of
``wss://`` servers (TLS in TLS) need nothing special here.
"""

from __future__ import annotations

import functools
import ssl

import trio

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


def describe_tls_failure(exc: BaseException, host: str) -> str:
    """Say in one line why a TLS handshake failed, and what to try."""
    error = tls_failure(exc)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was refused: {error.verify_message}" + _certificate_hint(
            error, host
        )
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection during the TLS handshake"
    reason = (error.reason or str(error)) if error else ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"it does not speak TLS on that port (OpenSSL: {reason})"
    if reason:
        return f"the TLS handshake failed (OpenSSL: {reason})"
    return "it broke the connection during the TLS handshake"


def _certificate_hint(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in _NAME_MISMATCH:
        return f"; the name asked for was {host!r}"
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            "; if a company's own authority signed it, add that authority's certificate to a "
            "context (load_verify_locations) or name its file in SSL_CERT_FILE"
        )
    return ""


# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NAME_MISMATCH = {62, 64}  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
_UNKNOWN_ISSUER = {18, 19, 20, 21}  # self-signed leaf or root, issuer not found, leaf not verified
