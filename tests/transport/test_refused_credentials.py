"""What is said where a proxy refuses credentials: a password that is missing, or was not looked at."""

from __future__ import annotations

import sys

import pytest
from _wire import Peer, all_texts, hop

from trio_wsproxy import (
    BasicAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyAuthenticationError,
)
from trio_wsproxy._auth import Authentication, ProxyAuthRequest
from trio_wsproxy._cli._words import OPTIONS
from trio_wsproxy._exceptions import told
from trio_wsproxy._failures import Topic
from trio_wsproxy._transport._hop import Hop
from trio_wsproxy._transport._http_connect import open_connect_tunnel
from trio_wsproxy._urls import Proxy

AUTHORITY = "echo.test:443"


async def refused(
    url: str, offer: str, *schemes: ProxyAuth, given: bool = False
) -> ProxyAuthenticationError:
    """The error of a proxy that says 407 to whatever it is told."""
    answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"
    auth = None
    if schemes:
        request = ProxyAuthRequest("CONNECT", AUTHORITY, "proxy.test", 3128)
        auth = Authentication(schemes, request)
    there = Hop(Proxy(url), 1, 1, Topic.ARGUMENT) if given else hop(url)
    with pytest.raises(ProxyAuthenticationError) as caught:
        await open_connect_tunnel(Peer(*[answer % offer.encode()] * 5), there, AUTHORITY, (), auth)
    return caught.value


BASIC, DIGEST = "Basic realm=r", 'Digest realm="r", nonce="n"'
IN_URL = "put user:password@ into the proxy URL"
MISSING = {
    # The proxy URL, what the proxy offers, the schemes of a program, and what is told.
    "Basic": (
        "http://ada@p",
        BASIC,
        (),
        f"no password was given, and it refuses the user name alone (it offers Basic): {IN_URL}",
    ),
    "Digest": (
        "http://ada@p",
        DIGEST,
        (),
        f"no password was given, and it refuses the user name alone (it offers Digest): {IN_URL}",
    ),
    "empty": (
        "http://ada:@p",
        BASIC,
        (),
        f"the password is empty, and it refuses the user name alone (it offers Basic): {IN_URL}",
    ),
    "object": (
        "http://p",
        BASIC,
        (BasicAuth("ada", ""), DigestAuth("ada", "")),
        (
            "no password was given, and it refuses the user name alone (it offers Basic): give one in "
            "proxy_auth="
        ),
    ),
}


@pytest.mark.parametrize(("url", "offer", "schemes", "text"), MISSING.values(), ids=MISSING)
async def test_no_password(url: str, offer: str, schemes: tuple[ProxyAuth, ...], text: str) -> None:
    """A user name without a password is told as one, and where the password goes."""
    error = await refused(url, offer, *schemes)
    assert str(error).endswith(f"; {text}")


@pytest.mark.parametrize(
    ("url", "given", "text"),
    [
        (
            "http://ada@p",
            True,
            f": give it in TRIO_WSPROXY_PROXY_PASSWORD, or {IN_URL}",
        ),
        ("http://ada@p", False, f": {IN_URL}"),
        ("http://ada:@p", True, f": {IN_URL}"),
    ],
)
async def test_no_password_on_the_command_line(url: str, given: bool, text: str) -> None:
    """There the variable is named where it is looked at: for a URL of --proxy that has no password."""
    error = await refused(url, BASIC, given=given)
    assert told(error, OPTIONS).endswith(f"(it offers Basic){text}")


async def test_no_password_for_a_user_of_the_command_line() -> None:
    """It is named for --proxy-user, too."""
    error = await refused("http://p", BASIC, BasicAuth("ada", ""))
    assert told(error, OPTIONS).endswith(": give it in TRIO_WSPROXY_PROXY_PASSWORD")


@pytest.mark.parametrize(
    ("schemes", "offer"),
    [
        ((DigestAuth("ada", ""), BasicAuth("ada", "s3cret")), BASIC),
        ((BasicAuth("ada", "s3cret"),), BASIC),
    ],
)
async def test_one_password_is_enough(schemes: tuple[ProxyAuth, ...], offer: str) -> None:
    """Where there is any, none is missed."""
    error = await refused("http://p", offer, *schemes)
    assert str(error).endswith(": check user name and password of proxy_auth=")


@pytest.mark.parametrize("offer", [BASIC, DIGEST, "Bearer"])
@pytest.mark.parametrize(("url", "meant"), [("http://:@p", ", which :@ means"), ("http://p", "")])
async def test_single_sign_on_where_there_is_none(url: str, meant: str, offer: str) -> None:
    """Whoever has no password to be sent is told what that proxy offers, and what to write for it."""
    error = await refused(url, offer, NegotiateAuth(), NTLMAuth())
    name = offer.partition(" ")[0]
    remedy = "see proxy_auth=" if name == "Bearer" else IN_URL
    assert str(error).endswith(
        f"; it offers only {name} (no single sign-on{meant}), so nothing was sent: {remedy}"
    )


async def test_single_sign_on_where_a_script_names_the_proxy() -> None:
    """Where there is no proxy URL, nobody is told to put something into it."""
    auth = Authentication((NegotiateAuth(),), ProxyAuthRequest("CONNECT", AUTHORITY, "p", 80))
    there = Hop(Proxy("http://p"), 1, 1, "PAC script http://wpad/")
    answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(ProxyAuthenticationError, match="no single sign-on") as caught:
        await open_connect_tunnel(Peer(answer), there, AUTHORITY, (), auth)
    assert str(caught.value).endswith(
        ": name it in proxy= or in https_proxy, as http://user:password@host:port"
    )


async def test_single_sign_on_that_has_a_password() -> None:
    """Who has given one to these schemes asks for no single sign-on, and is told none."""
    error = await refused("http://p", BASIC, NTLMAuth("CORP\\ada", "s3cret"))
    assert "; it offers Basic, so nothing was sent: there are credentials for NTLM" in str(error)


BROKEN_OFF = (
    "it refused NTLM before its challenge, so it has not judged user name and password (it offers "
    "{}): it does not speak NTLM with this user or this machine, or wants another scheme; whoever runs it "
    "knows which"
)


@pytest.mark.parametrize(
    ("url", "schemes", "offer"),
    [
        ("http://p", (NTLMAuth("CORP\\ada", "s3cret"),), "NTLM"),
        ("http://CORP%5Cada:s3cret@p", (), "NTLM"),
        ("http://CORP%5Cada:s3cret@p", (), "Negotiate, NTLM"),
    ],
)
async def test_ntlm_that_is_broken_off(
    url: str, schemes: tuple[ProxyAuth, ...], offer: str
) -> None:
    """A proxy that refuses NTLM's first message has not seen a password, so that is not blamed."""
    pytest.importorskip("spnego")
    error = await refused(url, offer, *schemes)
    assert str(error).endswith(f"; {BROKEN_OFF.format(offer)}")
    assert "s3cret" not in all_texts(error)


async def test_ntlm_that_is_broken_off_beside_others() -> None:
    """Where another scheme has shown the password, that is what was refused."""
    pytest.importorskip("spnego")
    error = await refused("http://CORP%5Cada:s3cret@p", f"NTLM, {BASIC}")
    assert "it refuses these credentials, said as Basic, NTLM (it offers" in str(error)


async def test_ntlm_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent first and is not offered is named, with what the other scheme needs."""
    monkeypatch.setitem(sys.modules, "spnego", None)
    error = await refused("http://CORP%5Cada:s3cret@p", "NTLM")
    assert str(error).endswith(
        "; it offers NTLM, but not Basic, which was sent first: NTLM needs pyspnego (pip install "
        "pyspnego)"
    )
