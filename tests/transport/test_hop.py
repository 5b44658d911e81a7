"""A hop: how errors name it, and what it makes of a stream that breaks."""

from __future__ import annotations

import ssl

import pytest
import trio
from _wire import all_texts, hop

from trio_wsproxy import ProxyError, ProxyProtocolError, ProxyUnreachable
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind, words
from trio_wsproxy._transport._hop import stops
from trio_wsproxy._transport._tls_failure import TLSFailure
from trio_wsproxy._urls import parse_target


@pytest.mark.parametrize(
    ("url", "number", "count", "name"),
    [
        ("proxy.test:3128", 1, 1, "proxy http://proxy.test:3128 (from argument proxy=)"),
        (
            "socks5h://u:s3cret@[::1]",
            2,
            3,
            "proxy socks5h://u:***@[::1]:1080 (hop 2 of 3, from argument proxy=)",
        ),
    ],
)
def test_name(url: str, number: int, count: int, name: str) -> None:
    """A hop is named by masked URL and source, and in a chain by its place."""
    one = hop(url, number=number, count=count)
    assert str(one) == name
    assert "s3cret" not in repr(one)


def test_errors() -> None:
    """Its errors begin with its name and carry its attributes."""
    one = hop("https://u:s3cret@p", number=2, count=2)
    errors: list[ProxyError] = [
        one.unreachable(Kind.NO_CONNECTION, "tcp", words("gone"), words("look"), None),
        one.broke_protocol("connect", "said nothing"),
    ]
    assert [type(error) for error in errors] == [ProxyUnreachable, ProxyProtocolError]
    for error in errors:
        assert str(error).startswith("proxy https://u:***@p:443 (hop 2 of 2, from ")
        assert (error.proxy, error.hop) == ("https://u:***@p:443", 2)
        assert "s3cret" not in all_texts(error)
    assert [error.stage for error in errors] == ["tcp", "connect"]
    assert str(errors[0]).endswith(") cannot be reached: gone; look")
    assert str(errors[1]).endswith(") said nothing")
    kinds = [failure.kind for error in errors if (failure := failure_of(error))]
    assert kinds == [Kind.NO_CONNECTION, Kind.OTHER_PROTOCOL]


def broken(cause: BaseException | None) -> trio.BrokenResourceError:
    """What trio raises when a stream breaks."""
    error = trio.BrokenResourceError()
    error.__cause__ = cause
    return error


def alert(reason: str) -> ssl.SSLError:
    """OpenSSL's error for an alert."""
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("url", "cause", "kind", "stage", "text"),
    [
        (
            "http://p",
            ConnectionResetError(),
            ProxyProtocolError,
            "connect",
            r"while asking; if it speaks SOCKS or TLS on that port, use socks5h:// or https:// for i.*$",
        ),
        (
            "http://p",
            None,
            ProxyProtocolError,
            "connect",
            r"while asking; if it speaks SOCKS or TLS on that port, use socks5h:// or https:// for i.*$",
        ),
        (
            "https://p",
            alert("WRONG_VERSION_NUMBER"),
            ProxyProtocolError,
            "connect",
            r"while asking \(OpenSSL: WRONG_VERSION_NUMBER\); is it an HTTP",
        ),
        (
            "https://p",
            alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            ProxyUnreachable,
            "proxy_tls",
            "CERTIFICATE_REQUIRED.*load_cert_chain",
        ),
        ("https://p", alert("TLSV1_ALERT_ACCESS_DENIED"), ProxyUnreachable, "proxy_tls", "DENIED"),
    ],
)
def test_conversation(
    url: str, cause: BaseException | None, kind: type[ProxyError], stage: str, text: str
) -> None:
    """A stream that breaks is told with what went on, and an alert as a failure of TLS."""
    with pytest.raises(ProxyError, match=text) as caught:
        with hop(url).conversation("connect", "asking"):
            raise broken(cause)
    assert type(caught.value) is kind
    assert caught.value.stage == stage
    assert isinstance(caught.value.__cause__, trio.BrokenResourceError)


def test_conversation_lets_others_through() -> None:
    """Only a broken stream is translated."""
    with pytest.raises(trio.ClosedResourceError):
        with hop("http://p").conversation("connect", "asking"):
            raise trio.ClosedResourceError


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        (Kind.UNKNOWN_ISSUER, "trusted"),
        (Kind.CERTIFICATE_REFUSED, "trusted"),
        (Kind.NO_TLS, "understood"),
        (Kind.OTHER_PROTOCOL, "understood"),
        (Kind.TLS_FAILED, "used"),
        (Kind.CUT_OFF, "used"),
        (Kind.MISCONFIGURED, "used"),
    ],
)
def test_what_could_not_be_done_with_a_server(kind: Kind, done: str) -> None:
    """Whose certificate is refused is not trusted, whoever speaks something else not understood."""
    _, server = stops((), parse_target("wss://e.test"), "a setting")
    error = server.distrusted(TLSFailure(kind, words("why"), words("what to do")), None)
    assert str(error) == f"the server e.test:443 could not be {done}: why; what to do"
