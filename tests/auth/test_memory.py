"""What is remembered of a proxy from one tunnel to the next, and what that spares."""

from __future__ import annotations

from typing import Any

import pytest
from _said import REQUEST

from trio_wsproxy import BasicAuth, BearerAuth, DigestAuth, NTLMAuth, ProxyAuth, ProxyAuthRequest
from trio_wsproxy._auth import Authentication, Chosen, forget_proxies, from_url, parse_challenges
from trio_wsproxy._auth import _memory as memory
from trio_wsproxy._auth._memory import MAX_KNOWN, known
from trio_wsproxy.testing import open_http_proxy

BOTH = parse_challenges([b'Digest realm="r", nonce="n", qop="auth", Basic realm="r"'])
BASIC_ONLY = parse_challenges([b'Basic realm="r"'])
INSIDE_TLS = ProxyAuthRequest("CONNECT", "echo.test:443", "proxy.test", 3128, "https")


def first_word(value: bytes | None) -> str:
    """The scheme of a value."""
    return (value or b"").split(b" ")[0].decode()


async def conversation(
    schemes: Chosen | tuple[ProxyAuth, ...],
    *offers: list[Any],
    request: ProxyAuthRequest = REQUEST,
    opens: bool = True,
) -> list[str]:
    """What is said for one tunnel: at once, and to each offer."""
    authentication = Authentication(schemes, request)
    await authentication.begin()
    said = [first_word(authentication.value)]
    for offer in offers:
        authentication.rounds += 1
        await authentication.answer(offer)
        said.append(first_word(authentication.value))
    if opens:
        authentication.accepted(())
    return said


async def test_url_is_basic_once() -> None:
    """Where a proxy wants Digest, the password of a URL is readable once, in the first tunnel."""
    assert await conversation(from_url("ada", "s"), BOTH) == ["Basic", "Digest"]
    assert await conversation(from_url("ada", "s")) == ["Digest"]
    assert await conversation(from_url("ada", "other"), BOTH) == ["Digest", "Digest"]


async def test_proxy_that_takes_basic() -> None:
    """It goes on getting it at once, also where Basic is not the first of the schemes."""
    schemes = (DigestAuth("ada", "s"), BasicAuth("ada", "s"))
    assert await conversation(schemes, BASIC_ONLY) == ["", "Basic"]
    assert await conversation(schemes) == ["Basic"]
    assert await conversation(from_url("ada", "s")) == ["Basic"]


async def test_basic_is_not_said_when_digest_was_refused() -> None:
    """A wrong password, or a proxy that offers less than before, gets no Basic out of us."""
    said = await conversation(from_url("ada", "s"), BOTH, BOTH, opens=False)
    assert said == ["Basic", "Digest", ""]
    for _ in range(2):
        authentication = Authentication(from_url("ada", "s"), REQUEST)
        await authentication.begin()
        assert first_word(authentication.value) in ("", "Digest")
        assert not await authentication.answer(BASIC_ONLY)
        assert authentication.withheld


async def test_inside_tls_basic_is_no_secret_told() -> None:
    """An https proxy may have it whatever it has offered, but is asked in its own scheme first."""
    urls = from_url("ada", "s")
    assert await conversation(urls, BOTH, request=INSIDE_TLS) == ["Basic", "Digest"]
    assert await conversation(urls, BASIC_ONLY, request=INSIDE_TLS) == ["Digest", "Basic"]
    assert await conversation(urls, request=INSIDE_TLS) == ["Basic"]


async def test_who_brings_only_basic_insists() -> None:
    """It is sent where there is nothing else, whatever was offered before."""
    assert await conversation(from_url("ada", "s"), BOTH) == ["Basic", "Digest"]
    assert await conversation((BasicAuth("ada", "s"),)) == ["Basic"]


@pytest.mark.parametrize(
    "other",
    [
        ProxyAuthRequest("CONNECT", "echo.test:443", "proxy.test", 3129),
        ProxyAuthRequest("CONNECT", "echo.test:443", "other.test", 3128),
        INSIDE_TLS,
    ],
)
async def test_each_proxy_for_itself(other: ProxyAuthRequest) -> None:
    """Scheme, host and port tell proxies apart, and a user name users."""
    assert await conversation(from_url("ada", "s"), BOTH) == ["Basic", "Digest"]
    assert await conversation(from_url("ada", "s"), request=other) == ["Basic"]
    assert await conversation(from_url("bob", "s")) == ["Basic"]


async def test_forgotten() -> None:
    """What is remembered can be forgotten, also of the proxies on one port."""
    assert await conversation(from_url("ada", "s"), BOTH) == ["Basic", "Digest"]
    forget_proxies(1)
    assert await conversation(from_url("ada", "s")) == ["Digest"]
    forget_proxies(3128)
    assert await conversation(from_url("ada", "s"), BOTH) == ["Basic", "Digest"]
    async with open_http_proxy() as proxy:
        here = ProxyAuthRequest("CONNECT", "echo.test:443", proxy.host, proxy.port)
        known(here, "ada").better = True
        forget_proxies()
        assert not known(here, "ada").better


def test_bounded() -> None:
    """A program that meets many proxies remembers those that it has used last."""
    for port in range(1, MAX_KNOWN + 1):
        known(ProxyAuthRequest("CONNECT", "e:1", "p", port), "ada").took = str(port)
    assert known(ProxyAuthRequest("CONNECT", "e:1", "p", 1), "ada").took == "1"
    known(ProxyAuthRequest("CONNECT", "e:1", "p", 65535), "ada")
    assert len(memory._all) == MAX_KNOWN
    assert known(ProxyAuthRequest("CONNECT", "e:1", "p", 1), "ada").took == "1"
    assert known(ProxyAuthRequest("CONNECT", "e:1", "p", 2), "ada").took is None


def test_no_password_is_remembered() -> None:
    """What is kept has no password in it."""
    conversation_ = DigestAuth("ada", "s3cret").begin(REQUEST)
    conversation_.answer(BOTH[0])
    entry = known(REQUEST, "ada")
    assert entry.nonce is not None
    assert "s3cret" not in repr([entry.better, entry.took, vars(entry.nonce)])


async def test_ntlm_spares_the_round_of_the_offer() -> None:
    """What is known to be taken is begun unasked; a refusal of that is told as one."""
    pytest.importorskip("spnego")
    schemes = (NTLMAuth("TEST\\ada", "s"),)
    assert await conversation(schemes, parse_challenges([b"NTLM"])) == ["", "NTLM"]
    assert await conversation(schemes, parse_challenges([b"NTLM"]), opens=False) == ["NTLM", ""]


@pytest.mark.parametrize("auth", [BasicAuth("a", "s3cret", require_tls=True)])
async def test_basic_beside_another_scheme(auth: ProxyAuth) -> None:
    """Where TLS is required and not spoken it is as if that scheme had not been given."""
    schemes = (auth, DigestAuth("a", "s3cret"))
    assert await conversation(schemes, BOTH) == ["", "Digest"]
    assert await conversation(schemes, BASIC_ONLY, request=INSIDE_TLS) == ["Basic", ""]
    assert await conversation((BearerAuth("t", require_tls=True),), request=INSIDE_TLS) == [
        "Bearer"
    ]
