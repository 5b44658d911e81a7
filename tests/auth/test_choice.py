"""Whose credentials are spoken in which scheme."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from _said import REQUEST
from _wire import all_texts

from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyConfigError,
)
from trio_wsproxy._auth import (
    Authentication,
    Chosen,
    from_program,
    from_url,
    lacks_library,
    not_carried,
    parse_challenges,
)
from trio_wsproxy._auth._choice import failed_here
from trio_wsproxy._auth._names import SchemeName
from trio_wsproxy._auth._spnego import _missing


@pytest.fixture
def no_pyspnego(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the library."""
    monkeypatch.setitem(sys.modules, "spnego", None)


@pytest.mark.parametrize(
    ("username", "given", "schemes"),
    [
        ("ada", (), (BasicAuth("ada", "s"), DigestAuth("ada", "s"), NTLMAuth("ada", "s"))),
        ("ada", ("negotiate", "basic"), (NegotiateAuth("ada", "s"), BasicAuth("ada", "s"))),
        ("ada", (NTLMAuth(),), (NTLMAuth("ada", "s"),)),
        (
            "ada",
            (NegotiateAuth("bob", "x", service="HTTPS"),),
            (NegotiateAuth("ada", "s", service="HTTPS"),),
        ),
        (
            "ada",
            (BasicAuth("bob", "x", require_tls=True),),
            (BasicAuth("ada", "s", require_tls=True),),
        ),
        # Nothing is tried twice, for that locks accounts.
        ("ada", ("ntlm", NTLMAuth(), "ntlm"), (NTLMAuth("ada", "s"),)),
        # What takes no password leaves the URL's credentials alone.
        ("ada", (BearerAuth("t"), "digest"), (DigestAuth("ada", "s"),)),
        (
            "ada",
            (BearerAuth("t"),),
            (
                BasicAuth("ada", "s"),
                DigestAuth("ada", "s"),
                NTLMAuth("ada", "s"),
            ),
        ),
        # The domain is part of the name for Basic and Digest, as for curl, which knows "/", too.
        (
            "CORP\\ada",
            (),
            (
                BasicAuth("CORP\\ada", "s"),
                DigestAuth("CORP\\ada", "s"),
                NTLMAuth("CORP\\ada", "s"),
            ),
        ),
        ("CORP/ada", ("ntlm", "basic"), (NTLMAuth("CORP\\ada", "s"), BasicAuth("CORP/ada", "s"))),
        # Each scheme that can carry them is used.
        ("a:b", (), (NTLMAuth("a:b", "s"),)),
        ("", (), (BasicAuth("", "s"), DigestAuth("", "s"))),
        ("a\7", (), (NTLMAuth("a\7", "s"),)),
        ("a" * 40_000, (), (BasicAuth("a" * 40_000, "s"), DigestAuth("a" * 40_000, "s"))),
    ],
)
def test_from_url(
    username: str, given: Sequence[ProxyAuth | SchemeName], schemes: tuple[ProxyAuth, ...]
) -> None:
    """User and password of a URL are for the schemes that are given, in that order."""
    chosen = from_url(username, "s", given)
    assert chosen.schemes == schemes
    assert chosen.lenient
    assert chosen.ordered == any(isinstance(one, str) for one in given)


@pytest.mark.parametrize(
    ("given", "schemes"),
    [
        ((), (NegotiateAuth(), NTLMAuth())),
        (("ntlm",), (NTLMAuth(),)),
        ((NegotiateAuth("ada", "x", service="S"),), (NegotiateAuth(service="S"),)),
        (("basic", "negotiate"), (NegotiateAuth(),)),
        (("negotiate", DigestAuth("a", "b")), (NegotiateAuth(),)),
        ((DigestAuth("a", "b"), BearerAuth("t")), (NegotiateAuth(), NTLMAuth())),
    ],
)
def test_single_sign_on(
    given: Sequence[ProxyAuth | SchemeName], schemes: tuple[ProxyAuth, ...]
) -> None:
    """Empty user and password are whoever has logged in, in the schemes that know that."""
    chosen = from_url("", "", given, sso=True)
    assert chosen.schemes == schemes
    assert not chosen.is_hopeless


@pytest.mark.parametrize(
    ("given", "others", "schemes", "ordered"),
    [
        ((BearerAuth("t"),), (), (BearerAuth("t"),), False),
        (("negotiate",), (), (NegotiateAuth(),), True),
        (("ntlm", "basic"), (), (NTLMAuth(),), True),
        (("digest",), (BasicAuth("a", "b"), DigestAuth("a", "b")), (DigestAuth("a", "b"),), True),
        (("negotiate",), (NegotiateAuth("a", "b"),), (NegotiateAuth("a", "b"),), True),
        (("negotiate",), (BearerAuth("t"),), (NegotiateAuth(),), True),
        (("negotiate", BasicAuth("a", "b")), (), (NegotiateAuth(), BasicAuth("a", "b")), True),
        # Names put the objects that bear them in order, as the command line does it.
        (
            ("ntlm", "digest", DigestAuth("a", "b"), NTLMAuth("a", "b"), BearerAuth("t")),
            (),
            (NTLMAuth("a", "b"), DigestAuth("a", "b"), BearerAuth("t")),
            True,
        ),
    ],
)
def test_from_program(
    given: Sequence[ProxyAuth | SchemeName],
    others: Sequence[ProxyAuth | SchemeName],
    schemes: tuple[ProxyAuth, ...],
    ordered: bool,
) -> None:
    """Without credentials in the URL a name stands for what the program has, or single sign-on."""
    chosen = from_program(given, others)
    assert (chosen.schemes, chosen.ordered) == (schemes, ordered)


SURROGATE = "s3cret\udce4"


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (lambda: from_url("a:b", "s3cret", ("basic",)), "in it; negotiate or ntlm can: name"),
        (lambda: from_url("a", "s3cret\0", ()), "NTLM cannot carry a NUL character"),
        (lambda: from_url("", "s3cret", ("ntlm",)), "NTLM cannot carry an empty user name"),
        (lambda: from_url("a" * 40_000, "s3cret", ("ntlm",)), "more than 65,534 bytes"),
        (lambda: from_url("a", SURROGATE), "Basic cannot carry lone surrogates in the credentials"),
        (
            lambda: from_url("a", SURROGATE, ("negotiate",)),
            "Negotiate cannot carry lone surrogates",
        ),
        (lambda: from_url("", "", ("basic",), sso=True), "Basic knows no single sign-on"),
    ],
)
def test_nothing_can_carry_them(chosen: Any, told: str) -> None:
    """Where no scheme is left that can carry the credentials, an error names schemes and reasons."""
    error = not_carried(chosen(), "who")
    assert isinstance(error, ProxyConfigError)
    assert str(error).startswith("who: ")
    assert told in str(error)
    assert "s3cret" not in all_texts(error)


@pytest.mark.usefixtures("no_pyspnego")
def test_library_that_would_help() -> None:
    """Where a scheme could carry them that is not installed, that is the remedy."""
    chosen = from_url("a:b", "s3cret")
    assert "; NTLM can: pip install pyspnego" in str(not_carried(chosen))
    assert str(lacks_library("NTLM")).startswith("NTLM needs pyspnego (pip install")
    assert lacks_library("digest") is None


async def test_library_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is there and cannot be imported, another scheme serves, too."""
    pytest.importorskip("spnego")
    authentication = Authentication(from_url("ada", "s"), REQUEST)
    await authentication.begin()
    monkeypatch.setattr("trio_wsproxy._auth._spnego._spnego_client", broken_library)
    assert await authentication.answer(parse_challenges([ALL]))
    assert (authentication.value or b"").startswith(b"Digest ")
    assert "NTLM authentication needs pyspnego" in str(authentication.impossible["ntlm"])


def broken_library(name: str) -> Any:
    """Fail as the import does."""
    raise _missing(name)


@pytest.mark.usefixtures("no_pyspnego")
def test_single_sign_on_without_the_library() -> None:
    """Single sign-on is passed over where its library is missing: the proxy may want nothing."""
    assert not_carried(from_url("", "", ("negotiate", "basic"), sso=True)) is None


@pytest.mark.parametrize(
    ("name", "platform", "here", "sso", "told"),
    [
        ("NTLM", "linux", True, True, "NTLM failed on this machine (x)"),
        ("Negotiate", "win32", False, True, "Negotiate failed on this machine (x)"),
        ("Negotiate", "linux", False, True, "(x); for Kerberos: pip install 'pyspnego[kerbe"),
        (
            "Negotiate",
            "linux",
            True,
            True,
            "(x); get a ticket with kinit, unless klist shows one, and write the proxy's host as Kerberos",
        ),
        ("Negotiate", "linux", True, False, "Negotiate failed on this machine (x)"),
    ],
)
def test_failed_here(
    name: str, platform: str, here: bool, sso: bool, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Kerberos fails on this machine, what it takes is said."""
    monkeypatch.setattr("trio_wsproxy._auth._choice.find_spec", lambda _: here or None)
    monkeypatch.setattr("trio_wsproxy._auth._choice.sys.platform", platform)
    assert told in f"{failed_here(name, 'x', sso=sso)}"


async def conversation(chosen: Chosen, *offers: bytes) -> tuple[list[str], Authentication]:
    """What is said, at once and to each offer."""
    authentication = Authentication(chosen, REQUEST)
    await authentication.begin()
    said = [(authentication.value or b"").partition(b" ")[0].decode()]
    for offer in offers:
        authentication.rounds += 1
        await authentication.answer(parse_challenges([offer]))
        said.append((authentication.value or b"").partition(b" ")[0].decode())
    return said, authentication


ALL = b'Basic realm="b", Digest realm="d", nonce="n", NTLM, Negotiate'


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), ["Basic", "NTLM"]),
        (("digest", "ntlm"), ["", "Digest"]),
        (("basic", "digest", "ntlm"), ["Basic", "Digest"]),
        (("ntlm", "digest"), ["", "NTLM"]),
        (("basic",), ["Basic", ""]),
    ],
)
async def test_order(given: Sequence[SchemeName], said: list[str]) -> None:
    """The strongest that is offered is spoken, or, where schemes are named, the preferred one."""
    pytest.importorskip("spnego")
    assert (await conversation(from_url("ada", "s", given), ALL))[0] == said


@pytest.mark.usefixtures("no_pyspnego")
@pytest.mark.parametrize(
    ("given", "said"), [((), ["Basic", "Digest"]), (("ntlm", "digest"), ["", "Digest"])]
)
async def test_library_is_missing(given: Sequence[SchemeName], said: list[str]) -> None:
    """A scheme whose library is missing is left out, and why is known."""
    found, authentication = await conversation(from_url("ada", "s", given), ALL)
    assert found == said
    assert "pip install" in str(authentication.impossible["ntlm"])


async def test_library_is_looked_for_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """User and password of a URL cost no look for a library as long as nobody asks for NTLM."""
    looked: list[str] = []
    monkeypatch.setattr("trio_wsproxy._auth._choice.has_pyspnego", lambda: looked.append("x"))
    chosen = from_url("ada", "s")
    assert not_carried(chosen) is None
    await conversation(chosen, b'Digest realm="d", nonce="n"')
    assert not looked
    await conversation(chosen, b"NTLM")
    assert looked
