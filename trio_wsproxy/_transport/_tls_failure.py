"""Why a TLS handshake failed, and what to try: from OpenSSL's error and from what was seen of the peer.

What OpenSSL calls a failure is data here, its codes and reasons; the texts that it has for them are
quoted and never searched. Some failures come out behind the handshake only, when the first bytes
are read: :func:`failure_behind_handshake`.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

import trio

from trio_wsproxy._failures import Kind, Topic, Words, words
from trio_wsproxy._http import Speaks, page_title, sign_of
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_page
from trio_wsproxy._report import Certificate

from ._tls import Seen, tls_failure
from ._tls_stream import TLSStream
from ._trust import why_nobody_is_trusted

MAX_NAMES = 5  # of those that a certificate is for; a message has room for as many


class TLSFailure(NamedTuple):
    """Why a TLS handshake failed.

    Attributes:
      kind: What kind of failure it is.
      what: In words, behind the name of the peer.
      remedy: What to try, where that does not depend on who the peer is.
      other_name: Whether it, or its certificate, does not know the name that it was asked for.
      speaks: What it speaks in place of TLS, as far as that was seen.

    """

    kind: Kind
    what: Words
    remedy: Words | None = None
    other_name: bool = False
    speaks: Speaks = ""


def explain_tls_failure(
    exc: BaseException,
    trust: Topic,
    seen: Seen | None = None,
    context: ssl.SSLContext | None = None,
    *,
    tunnelled: bool = False,
) -> TLSFailure:
    """Find out why a TLS handshake failed, and what to try.

    Args:
      exc: What the handshake raised.
      trust: How to trust the authority of a certificate.
      seen: What was seen of the peer.
      context: That of the handshake.
      tunnelled: Whether the peer is reached through a proxy, which may have answered instead.

    """
    seen = seen or Seen()
    error = tls_failure(exc)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_failure(error, trust, seen.chain, context)
    other = _page(seen.received, tunnelled=tunnelled) or _other_protocol(seen.received)
    if other is not None:
        return other
    if isinstance(error, ssl.SSLEOFError):
        what = words("it closed the connection during the TLS handshake")
        return TLSFailure(Kind.CUT_OFF, what)
    reason = _reason(error) if error else ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        what = words("it does not speak TLS on that port (OpenSSL: {reason})", reason=reason)
        # Who says nothing that is known is a web server as a rule.
        speaks = sign_of(seen.received).speaks if seen.received else "HTTP"
        return TLSFailure(Kind.NO_TLS, what, speaks=speaks)
    if reason:
        what = words("the TLS handshake failed (OpenSSL: {reason})", reason=reason)
        remedy = client_certificate_hint(reason) or _REMEDIES.get(reason)
        if reason == "TLSV1_ALERT_PROTOCOL_VERSION" and _is_capped(context):
            remedy = _NEW
        return TLSFailure(Kind.TLS_FAILED, what, remedy, reason == "TLSV1_UNRECOGNIZED_NAME")
    if isinstance(exc, ValueError):
        what = words("its name cannot be used with TLS ({problem})", problem=str(exc))
        return TLSFailure(Kind.MISCONFIGURED, what)
    return TLSFailure(Kind.CUT_OFF, words("it broke the connection during the TLS handshake"))


_UNNAMED = lazy_pattern(r"\[SSL\] ([a-z0-9 ]{1,80}) \(_ssl\.c:\d+\)")


def _reason(error: ssl.SSLError) -> str:
    """Give OpenSSL's name of a reason; where Python has none, make it as OpenSSL does, of its text."""
    reason: str | None = getattr(error, "reason", None)
    if reason:
        return reason
    text = str(error)
    unnamed = _UNNAMED.fullmatch(text)
    return unnamed[1].upper().replace(" ", "_") if unnamed else text


# --- behind the handshake ----------------------------------------------------------------


def alert_behind_handshake(exc: BaseException) -> TLSFailure | None:
    """Find out whether a stream broke for an alert of the peer's, and of which.

    With TLS 1.3 the peer looks at our certificate after our handshake is done.
    """
    reason = getattr(tls_failure(exc), "reason", None) or ""
    if "ALERT" not in reason:  # OpenSSL's name, not ours
        return None
    what = words("broke TLS off behind its handshake (OpenSSL: {reason})", reason=reason)
    return TLSFailure(Kind.TLS_FAILED, what, client_certificate_hint(reason))


def failure_behind_handshake(
    stream: trio.abc.Stream, exc: BaseException, context: Topic
) -> TLSFailure | None:
    """Find out what TLS has to do with an exchange that failed on a stream with TLS on top.

    Args:
      stream: On which it failed.
      exc: How.
      context: What the option for its context is called.

    Returns:
      Words that go behind the name of the peer; ``None`` where TLS has nothing to do with it.

    """
    if not isinstance(stream, (trio.SSLStream, TLSStream)):
        return None
    alert = alert_behind_handshake(exc)
    if alert is not None:
        return alert
    try:
        protocol = stream.selected_alpn_protocol()
    except trio.NeedHandshakeError:  # the caller's own stream
        return None
    if protocol in (None, "http/1.1"):
        return None
    what = words(
        "took the protocol {protocol} in the TLS handshake (ALPN), and only HTTP/1.1 is spoken here",
        protocol=repr(protocol),
    )
    remedy = words(
        "offer nothing else with {context}: context.set_alpn_protocols(['http/1.1'])",
        context=context,
    )
    return TLSFailure(Kind.OTHER_PROTOCOL, what, remedy)


# --- client certificates -----------------------------------------------------------------

CLIENT_CERTIFICATE = words(
    "if it wants a client certificate, {give}", give=Topic.CLIENT_CERTIFICATE
)
# Parts of OpenSSL's names for the alerts that servers send then.
_WANTS_CERTIFICATE = (
    "ALERT_HANDSHAKE_FAILURE",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)
_REFUSES_CERTIFICATE = ("ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_REVOKED")


def client_certificate_hint(reason: str) -> Words | None:
    """Say what to try when the peer may have missed a certificate of ours."""
    if "ALERT_CERTIFICATE_REQUIRED" in reason:  # RFC 8446 section 6.2: nothing else is meant
        return words("it wants a client certificate: {give}", give=Topic.CLIENT_CERTIFICATE)
    if any(word in reason for word in _REFUSES_CERTIFICATE):
        return words("it refuses the client certificate that it was given")
    if any(word in reason for word in _WANTS_CERTIFICATE):
        return CLIENT_CERTIFICATE
    return None


_WEAK = words(
    "it has to be made stronger there; a context with set_ciphers('DEFAULT:@SECLEVEL=1') takes it "
    "as it is"
)
_OLD = words(
    "it speaks versions of TLS that are out of date only; a context with a lower minimum_version "
    "takes them"
)
_NEW = words(
    "it may speak newer versions of TLS only; a context with a higher maximum_version does"
)
# OpenSSL's reasons → what to try.
_REMEDIES = {
    "UNSUPPORTED_PROTOCOL": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": words(
        "a context with options |= ssl.OP_LEGACY_SERVER_CONNECT takes it as it is"
    ),
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": words(
        "it speaks no HTTP/1.1, which is what was offered (ALPN), and HTTP/2 is not spoken here"
    ),
    "TLSV1_UNRECOGNIZED_NAME": words("it does not know that name: is it right?"),
}


# --- certificates ------------------------------------------------------------------------

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NAME_MISMATCH = {62, 64}  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED = 18
_UNKNOWN_ISSUER = {2, 18, 19, 20, 21, 27}  # self-signed leaf or root, issuer not found, not trusted
_TOO_WEAK = {66, 67, 68}  # EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK
# What X509_V_FLAG_X509_STRICT alone refuses, PATHLEN_INVALID_FOR_NON_CA to EXTENSIONS_REQUIRE_VERSION_3,
# and what it is stricter about: INVALID_CA.
_STRICT = {*range(80, 95), 24, 79}


def _certificate_failure(
    error: ssl.SSLCertVerificationError,
    trust: Topic,
    chain: Sequence[Certificate],
    context: ssl.SSLContext | None,
) -> TLSFailure:
    what = words("its certificate was refused: {message}", message=error.verify_message.rstrip("."))
    code = error.verify_code
    if code in _UNKNOWN_ISSUER:
        return _unknown_issuer(what, code, trust, chain, context)
    remedy: Words | None = None
    if code in _NAME_MISMATCH:
        what, remedy = _with_names(what, chain), words("use a name that the certificate is for")
    elif code in (_NOT_YET_VALID, _EXPIRED):
        what = _with_dates(what, code, chain)
        remedy = words("it has to be renewed, if the clock of this machine is right")
    elif code in _TOO_WEAK:
        what, remedy = _with_issuer(what, chain), _WEAK
    elif code in _STRICT and _is_strict(context):
        what = _with_issuer(what, chain)
        remedy = words(
            "its authority should issue it anew; Python checks more strictly since 3.13, and a context "
            "with verify_flags &= ~ssl.VERIFY_X509_STRICT takes it as it is"
        )
    else:
        what = _with_issuer(what, chain)
    return TLSFailure(Kind.CERTIFICATE_REFUSED, what, remedy, code in _NAME_MISMATCH)


def _is_capped(context: ssl.SSLContext | None) -> bool:
    """Tell whether a context forbids the newest version of TLS."""
    newest = (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3)
    return context is not None and context.maximum_version not in newest


def _is_strict(context: ssl.SSLContext | None) -> bool:
    return context is None or bool(context.verify_flags & ssl.VERIFY_X509_STRICT)


def _unknown_issuer(
    what: Words,
    code: int,
    trust: Topic,
    chain: Sequence[Certificate],
    context: ssl.SSLContext | None,
) -> TLSFailure:
    if code == _SELF_SIGNED:
        remedy = words("if you know that it is that one's own, {trust}", trust=trust)
    else:
        remedy = words(
            "if that is your company's own authority (TLS inspection), {trust}", trust=trust
        )
    why = why_nobody_is_trusted(context) if context is not None else None
    if why is not None:
        what = words("{what}; {why}", what=what, why=why)
        remedy = words("install the system's package ca-certificates, or {trust}", trust=trust)
    return TLSFailure(Kind.UNKNOWN_ISSUER, _with_issuer(what, chain), remedy)


def _with_issuer(what: Words, chain: Sequence[Certificate]) -> Words:
    # Of a chain the last certificate that was sent is the one whose issuer is nobody's.
    if not chain or not chain[0].issuer:
        return what
    return words("{what}; it was issued by {issuer!r}", what=what, issuer=chain[0].issuer)


def _with_names(what: Words, chain: Sequence[Certificate]) -> Words:
    if not chain:
        return what
    names = chain[0].names
    if not names:
        return words(
            "{what}; it is for no name at all (its subject, {subject!r}, does not count)",
            what=what,
            subject=chain[0].subject,
        )
    shown = ", ".join(names[:MAX_NAMES])
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return words("{what}; it is for {names}{more}", what=what, names=shown, more=more)


def _with_dates(what: Words, code: int, chain: Sequence[Certificate]) -> Words:
    """Add when the first one that is out of date is valid, and what time it is here."""
    now = datetime.now(timezone.utc)
    here = f"{now:%Y-%m-%d %H:%M} UTC"
    for number, one in enumerate(chain):
        if (one.expires if code == _EXPIRED else now) < (now if code == _EXPIRED else one.begins):
            whose = "it" if not number else f"that of {one.subject!r}"
            return words(
                "{what}; {whose} is valid from {begins} to {ends} UTC, and the clock of this machine "
                "says {here}",
                what=what,
                whose=whose,
                begins=f"{one.begins:%Y-%m-%d %H:%M}",
                ends=f"{one.expires:%Y-%m-%d %H:%M}",
                here=here,
            )
    return words("{what}; the clock of this machine says {here}", what=what, here=here)


# --- other protocols ---------------------------------------------------------------------


def _other_protocol(received: bytes) -> TLSFailure | None:
    """Tell of a proxy or a service without TLS by what it sent; of HTTP there is more to say."""
    speaks, sent = sign_of(received)
    if speaks in ("", "TLS", "HTTP"):
        return None
    what = words("it does not speak TLS on that port: it sent {sent}", sent=sent)
    return TLSFailure(Kind.NO_TLS, what, speaks=speaks)


# --- pages -------------------------------------------------------------------------------


def _page(received: bytes, *, tunnelled: bool) -> TLSFailure | None:
    """Tell of a web page that came in place of TLS.

    A web server that was sent TLS says 400. Without a proxy between, that is the server itself, which
    does not speak TLS, and no page.
    """
    head, _, body = received.lstrip().partition(b"\n")
    is_http = head.startswith(b"HTTP/")
    if not is_http and not head.startswith(b"<"):
        return None
    if not tunnelled and is_http and head.split(b" ")[1:2] == [b"400"]:
        return None
    title = page_title(received)
    is_page = title or not is_http or b"<" in body
    what = words(
        "{what} came in place of TLS{title}{status}",
        what="a web page" if is_page else "an HTTP answer",
        title=f": {title!r}" if title else "",
        status=f" ({shown_page(head.decode('latin-1').strip(), 80)})" if is_http else "",
    )
    who = "a captive portal, a filter, or the proxy itself" if tunnelled else "a captive portal"
    remedy = words(
        "is that the right port? Else somebody on the way answers in its place ({who}): a browser "
        "shows what it wants",
        who=who,
    )
    return TLSFailure(Kind.OTHER_PROTOCOL, what, remedy)
