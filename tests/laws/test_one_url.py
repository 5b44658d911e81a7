"""One URL for every scheme: what a user and a password, or :@, are said as; from the variable to the wire."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import trio
from _binding import BindingProxy, certificate, expected, server_context, serving, unverified
from _company_proxy import CompanyProxy, company
from _wire import all_texts, ntlm_users

from trio_wsproxy import (
    PAC,
    BasicAuth,
    BearerAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    open_tcp_stream,
)
from trio_wsproxy._routing import _system
from trio_wsproxy.testing import open_echo_server

spnego = pytest.importorskip("spnego")

ADA = "CORP%5Cada:s3cret"
WRONG = "CORP%5Cada:wr0ng-s3cret"


@pytest.fixture(autouse=True)
def _users() -> Iterator[None]:
    """Who is known to the acceptors of NTLM; pyspnego takes him for who has logged in, too."""
    with ntlm_users("CORP\\ada", "s3cret"):
        yield


@pytest.fixture
def no_pyspnego(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the library from the client."""
    monkeypatch.setattr("trio_wsproxy._auth._choice.has_pyspnego", lambda: False)


async def tunnel(**options: Any) -> None:
    """Open a tunnel, and see that something comes back through it."""
    stream = await open_tcp_stream("echo.test", 7, **options)
    async with stream:
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"


def environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set the variables, and no others."""
    monkeypatch.setattr(_system, "environment", lambda *_: dict(variables))


@pytest.mark.parametrize(
    ("offers", "said", "again"),
    [
        ((), ["Basic"], ["Basic"]),
        (("basic",), ["Basic"], ["Basic"]),
        (("digest",), ["Basic", "Digest"], ["Digest"]),
        (("ntlm",), ["Basic", "NTLM", "NTLM"], ["NTLM", "NTLM"]),
        (("digest", "ntlm"), ["Basic", "NTLM", "NTLM"], ["NTLM", "NTLM"]),
        (("negotiate", "digest"), ["Basic", "Digest"], ["Digest"]),
    ],
)
@pytest.mark.parametrize("keep", [True, False])
async def test_user_and_password(
    offers: Sequence[str], said: list[str], again: list[str], keep: bool
) -> None:
    """The strongest that is offered is spoken; the next tunnel needs no refused round for it."""
    proxy = CompanyProxy(*offers, keep=keep)
    async with company(proxy):
        await tunnel(proxy=proxy.url(ADA))
        assert proxy.said == said
        proxy.said.clear()
        await tunnel(proxy=proxy.url(ADA))
        assert proxy.said == again


@pytest.mark.parametrize(
    ("auth", "offers", "said", "again"),
    [
        ("negotiate", ("negotiate", "basic"), ["", "Negotiate", "Negotiate"], ["Negotiate"] * 2),
        ("ntlm", ("negotiate", "ntlm", "basic"), ["", "NTLM", "NTLM"], ["NTLM"] * 2),
        ("Digest, NTLM", ("ntlm", "digest", "basic"), ["", "Digest"], ["Digest"]),
        ("ntlm digest", ("digest", "basic"), ["", "Digest"], ["Digest"]),
        ("basic", ("ntlm", "basic"), ["Basic"], ["Basic"]),
        ("basic,ntlm", ("ntlm",), ["Basic", "NTLM", "NTLM"], ["NTLM"] * 2),
    ],
)
async def test_variable(
    auth: str,
    offers: Sequence[str],
    said: list[str],
    again: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variable says which schemes the credentials in the environment are for, and in which order."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        environment(monkeypatch, all_proxy=proxy.url(ADA), TRIO_WSPROXY_AUTH=auth)
        await tunnel()
        assert proxy.said == said
        proxy.said.clear()
        await tunnel()
        assert proxy.said == again


@pytest.mark.parametrize(
    ("userinfo", "variables", "offers", "said"),
    [
        (":", {}, ("negotiate", "ntlm", "basic"), "Negotiate"),
        (":", {}, ("ntlm", "basic"), "NTLM"),
        (":", {"TRIO_WSPROXY_AUTH": "ntlm"}, ("negotiate", "ntlm"), "NTLM"),
        ("", {"TRIO_WSPROXY_AUTH": "negotiate"}, ("negotiate", "ntlm"), "Negotiate"),
        ("", {"TRIO_WSPROXY_AUTH": "ntlm"}, ("negotiate", "ntlm"), "NTLM"),
    ],
)
async def test_single_sign_on(
    userinfo: str,
    variables: dict[str, str],
    offers: Sequence[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """:@ is whoever has logged in, and so is a proxy without credentials where the variable says so."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        environment(monkeypatch, all_proxy=proxy.url(userinfo), **variables)
        await tunnel()
        assert proxy.said == ["", said, said]
        await tunnel()
        assert proxy.said[3:] == [said, said]


async def test_single_sign_on_where_nothing_is_asked() -> None:
    """Where a proxy asks for nothing, nobody signs on."""
    proxy = CompanyProxy()
    async with company(proxy):
        await tunnel(proxy=proxy.url(":"))
    assert proxy.said == [""]


@pytest.mark.parametrize(
    ("userinfo", "auth", "offers", "said"),
    [
        (ADA, "ntlm", ("ntlm", "digest"), ["", "NTLM", "NTLM"]),
        (ADA, NTLMAuth(), ("ntlm", "digest"), ["", "NTLM", "NTLM"]),
        (ADA, NegotiateAuth(), ("negotiate", "ntlm"), ["", "Negotiate", "Negotiate"]),
        (ADA, ["digest", "ntlm"], ("ntlm", "digest"), ["", "Digest"]),
        (ADA, [NTLMAuth(), BearerAuth("t")], ("bearer", "ntlm"), ["", "NTLM", "NTLM"]),
        (ADA, BasicAuth("bob", "x"), ("basic",), ["Basic"]),
        (ADA, BearerAuth("t"), ("bearer", "basic"), ["Basic"]),
        (":", "ntlm", ("negotiate", "ntlm"), ["", "NTLM", "NTLM"]),
        ("", "ntlm", ("negotiate", "ntlm"), ["", "NTLM", "NTLM"]),
        ("", ["negotiate", BasicAuth("CORP\\ada", "s3cret")], ("basic",), ["", "Basic"]),
    ],
)
async def test_proxy_auth(userinfo: str, auth: Any, offers: Sequence[str], said: list[str]) -> None:
    """The credentials of a URL are for the schemes of proxy_auth=; what takes none is not for it."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        await tunnel(proxy=proxy.url(userinfo), proxy_auth=auth)
    assert proxy.said == said


@pytest.mark.parametrize("auth", ["ntlm", NTLMAuth()])
async def test_auth_of_one_proxy(auth: Any) -> None:
    """The same is said of one proxy."""
    proxy = CompanyProxy("ntlm", "digest")
    async with company(proxy):
        await tunnel(proxy=Proxy(proxy.url(ADA), auth=auth))
    assert proxy.said == ["", "NTLM", "NTLM"]


async def test_variable_goes_before_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user says of his proxy goes before proxy_auth=; a program's credentials do for it."""
    proxy = CompanyProxy("digest", "basic", user="ada")
    async with company(proxy):
        environment(monkeypatch, all_proxy=proxy.url(), TRIO_WSPROXY_AUTH="basic")
        await tunnel(proxy_auth=[BearerAuth("t"), BasicAuth("ada", "s3cret")])
    assert proxy.said == ["Basic"]


@pytest.mark.parametrize("userinfo", [ADA, ":", ""])
async def test_program_says_more_of_a_scheme(
    userinfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the user names a scheme, what the program says of its name in Kerberos still counts."""
    hosts: list[str] = []
    client = spnego.client

    def noted(*args: Any, **options: Any) -> Any:
        hosts.append(options["hostname"])
        return client(*args, **options)

    monkeypatch.setattr("spnego.client", noted)
    proxy = CompanyProxy("negotiate")
    async with company(proxy):
        environment(monkeypatch, all_proxy=proxy.url(userinfo), TRIO_WSPROXY_AUTH="negotiate")
        await tunnel(proxy_auth=[NegotiateAuth(hostname="proxy.corp"), BearerAuth("t")])
    assert set(hosts) == {"proxy.corp"}


async def test_netrc_for_the_schemes_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """User and password of ~/.netrc are for these schemes, too."""
    file = tmp_path / "passwords"
    file.write_text("machine 127.0.0.1 login CORP\\\\ada password s3cret\n")
    monkeypatch.setenv("NETRC", str(file))
    proxy = CompanyProxy("ntlm", "digest")
    async with company(proxy):
        environment(monkeypatch, all_proxy=proxy.url(), TRIO_WSPROXY_AUTH="ntlm")
        await tunnel(proxy_auth="netrc")
    assert proxy.said == ["", "NTLM", "NTLM"]


async def test_chain() -> None:
    """Each hop has its own memory: the second tunnel through a chain needs no refused round either."""
    first, second = CompanyProxy("digest", user="bob", password="x"), CompanyProxy("ntlm")
    async with company(first, second):
        first_url, second_url = first.url("bob:x"), second.url(ADA)
        first.behind = second
        for rounds in (["Basic", "Digest"], ["Basic", "NTLM", "NTLM"]), (["Digest"], ["NTLM"] * 2):
            first.said.clear()
            second.said.clear()
            await tunnel(proxy=[first_url, second_url])
            assert (first.said, second.said) == rounds


# --- refusals ------------------------------------------------------------------------------


async def refused(**options: Any) -> ProxyAuthenticationError:
    """The error of a tunnel that is not opened; no secret is in it."""
    with pytest.raises(ProxyAuthenticationError) as caught:
        await open_tcp_stream("echo.test", 7, **options)
    assert "s3cret" not in all_texts(caught.value)
    return caught.value


@pytest.mark.parametrize("offers", [("ntlm",), ("digest",), ("negotiate",)])
async def test_password_that_changes(offers: Sequence[str]) -> None:
    """A refusal is told, and forgotten: with the right password the next tunnel opens, and so on."""
    proxy = CompanyProxy(*offers)
    names = "negotiate" if offers == ("negotiate",) else None
    async with company(proxy):
        await tunnel(proxy=proxy.url(ADA), proxy_auth=names)
        for _ in range(2):
            error = await refused(proxy=proxy.url(WRONG), proxy_auth=names)
            assert "check user name and password in the proxy URL" in str(error)
        await tunnel(proxy=proxy.url(ADA), proxy_auth=names)
        assert "Basic" not in proxy.said[1:]


async def test_bound_to_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """User and password of a URL, and :@, are bound to the certificate of an https:// proxy."""
    one = certificate("ec", "SHA256")
    proxy = BindingProxy([server_context(one, "ec")], [expected(one)])
    async with open_echo_server() as echo, serving(proxy):
        for userinfo, auth in ((ADA, ""), (ADA, "ntlm"), (":", ""), (ADA, "")):
            url = proxy.url.replace("://", f"://{userinfo}@")
            environment(monkeypatch, all_proxy=url, no_proxy="<-loopback>", TRIO_WSPROXY_AUTH=auth)
            stream = await open_tcp_stream(echo.host, echo.port, proxy_ssl_context=unverified())
            await trio.aclose_forcefully(stream)
    assert not proxy.refused


async def test_each_user_for_himself() -> None:
    """What a proxy took of one user says nothing of another one."""
    proxy = CompanyProxy("ntlm")
    async with company(proxy):
        await tunnel(proxy=proxy.url(ADA))
        proxy.said.clear()
        await refused(proxy=proxy.url("bob:s3cret"))
        assert proxy.said[0] == "Basic"
        proxy.said.clear()
        await tunnel(proxy=proxy.url(":"))
        assert proxy.said == ["", "NTLM", "NTLM"]


REFUSALS = [
    # offers, user information, proxy_auth, what is said
    (
        ("ntlm",),
        WRONG,
        None,
        "it refuses these credentials (it offers NTLM): check user name and password in the proxy URL",
    ),
    (
        ("basic",),
        WRONG,
        None,
        "it refuses these credentials (it offers Basic): check user name and password in the proxy URL",
    ),
    (
        ("ntlm", "basic"),
        WRONG,
        None,
        (
            "it refuses these credentials, said as Basic, NTLM (it offers NTLM, Basic): check user name "
            "and password in the proxy URL"
        ),
    ),
    (
        ("ntlm", "digest", "basic"),
        WRONG,
        None,
        (
            "it refuses these credentials, said as Basic, NTLM (it offers NTLM, Digest, Basic): check user "
            "name and password in the proxy URL; they were not tried as Digest, for several wrong "
            "passwords in a row lock an account: to try that, name digest alone in proxy_auth="
        ),
    ),
    (
        ("negotiate",),
        ADA,
        None,
        (
            "it offers Negotiate, but not Basic, which was sent first: there are credentials for Basic, "
            "Digest, NTLM; to use them for Negotiate, name negotiate in proxy_auth="
        ),
    ),
    (
        ("basic",),
        ":",
        None,
        (
            "it offers only Basic (no single sign-on, which :@ means), so nothing was sent: put "
            "user:password@ into the proxy URL"
        ),
    ),
    (
        ("negotiate", "ntlm"),
        "",
        None,
        (
            "it wants credentials (it offers Negotiate, NTLM): put DOMAIN%5Cuser:password@ into the "
            "proxy URL, or :@ for single sign-on"
        ),
    ),
    (
        ("digest", "ntlm"),
        ADA,
        "basic",
        (
            "it offers Digest, NTLM, but not Basic, which was sent first: there are credentials for Basic; "
            "to use them for NTLM, Digest, name ntlm and digest in proxy_auth="
        ),
    ),
]


@pytest.mark.parametrize(("offers", "userinfo", "auth", "told"), REFUSALS)
async def test_refusal(offers: Sequence[str], userinfo: str, auth: Any, told: str) -> None:
    """The error says what is offered, what was said, what was not and why, and what to try."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        error = await refused(proxy=proxy.url(userinfo), proxy_auth=auth)
    assert str(error).endswith(f"; {told}")


async def test_wrong_password_is_asked_for_once() -> None:
    """A password that is refused where it was asked for is not tried in other schemes: that locks accounts."""
    proxy = CompanyProxy("ntlm", "digest", "basic")
    async with company(proxy):
        await refused(proxy=proxy.url(WRONG))
        assert proxy.said == ["Basic", "NTLM", "NTLM"]
        proxy.said.clear()
        await refused(proxy=proxy.url(WRONG))
        assert proxy.said == ["", "NTLM", "NTLM"]
        proxy.said.clear()
        await refused(proxy=proxy.url(WRONG), proxy_auth="digest, basic")
        assert proxy.said == ["", "Digest"]


NAMED = [
    # offers, user information, TRIO_WSPROXY_AUTH, what is said
    (
        ("negotiate",),
        "",
        "ntlm",
        (
            "it offers Negotiate, so nothing was sent: there are credentials for NTLM; name negotiate in "
            "TRIO_WSPROXY_AUTH"
        ),
    ),
    (
        ("basic", "digest"),
        ":",
        "negotiate",
        (
            "it offers only Basic, Digest (no single sign-on, which :@ means), so nothing was sent: put "
            "user:password@ into the proxy URL; name digest and basic in TRIO_WSPROXY_AUTH"
        ),
    ),
    (
        ("ntlm",),
        ADA,
        "negotiate,digest",
        (
            "it offers NTLM, so nothing was sent: there are credentials for Negotiate, Digest; to use "
            "them for NTLM, name ntlm in TRIO_WSPROXY_AUTH"
        ),
    ),
    (
        ("negotiate", "basic"),
        "",
        "digest",
        (
            "it wants credentials (it offers Negotiate, Basic): put user:password@ into the proxy URL, or "
            ":@ for single sign-on"
        ),
    ),
    (
        ("ticket",),
        ADA,
        "ntlm",
        "it offers ticket, so nothing was sent: there are credentials for NTLM; see proxy_auth=",
    ),
    (
        ("basic",),
        "a%3Ab:s3cret",
        "ntlm,basic",
        "it offers Basic, so nothing was sent: Basic cannot carry a user name with ':' in it",
    ),
]


@pytest.mark.parametrize(("offers", "userinfo", "auth", "told"), NAMED)
async def test_refusal_where_schemes_are_named(
    offers: Sequence[str],
    userinfo: str,
    auth: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the variable keeps what is offered from being spoken, the error names it."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        environment(monkeypatch, all_proxy=proxy.url(userinfo), TRIO_WSPROXY_AUTH=auth)
        error = await refused()
    assert str(error).endswith(f"; {told}")


WITHOUT_URL = [
    # offers, what the error tells behind them
    (
        ("basic", "negotiate"),
        (
            "name it in proxy= or in https_proxy, as http://user:password@host:port, or put negotiate "
            "into proxy_auth= for single sign-on"
        ),
    ),
    (
        ("ntlm",),
        "name it in proxy= or in https_proxy, as http://DOMAIN%5Cuser:password@host:port",
    ),
    (("negotiate",), "put negotiate into proxy_auth= for single sign-on"),
]


@pytest.mark.parametrize(("offers", "told"), WITHOUT_URL)
async def test_refusal_where_a_script_names_the_proxy(offers: Sequence[str], told: str) -> None:
    """Where there is no proxy URL to put credentials into, nobody is told to do that."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        address = proxy.url().removeprefix("http://")
        script = f"function FindProxyForURL() {{ return 'PROXY {address}'; }}"
        error = await refused(proxy=PAC(script))
    assert str(error).endswith(f"): {told}")


async def test_refusal_of_a_program() -> None:
    """Where a program's own credentials are for other schemes than are offered, it is told where to look."""
    proxy = CompanyProxy("ntlm")
    async with company(proxy):
        error = await refused(proxy=proxy.url(), proxy_auth=DigestAuth("ada", "s3cret"))
    assert str(error).endswith(": there are credentials for Digest; see proxy_auth=")


@pytest.mark.usefixtures("no_pyspnego")
@pytest.mark.parametrize(
    ("offers", "userinfo", "told"),
    [
        (
            ("ntlm",),
            ADA,
            (
                "it offers NTLM, but not Basic, which was sent first: NTLM needs pyspnego (pip install "
                "pyspnego)"
            ),
        ),
        (
            ("negotiate", "ntlm"),
            ":",
            (
                "it offers Negotiate, NTLM, so nothing was sent: Negotiate needs pyspnego (pip install "
                "pyspnego); NTLM needs pyspnego (pip install pyspnego)"
            ),
        ),
        (
            ("ntlm", "digest"),
            WRONG,
            (
                "it refuses these credentials (it offers NTLM, Digest): check user name and password in "
                "the proxy URL; NTLM needs pyspnego (pip install pyspnego)"
            ),
        ),
    ],
)
async def test_library_is_missing(offers: Sequence[str], userinfo: str, told: str) -> None:
    """What is offered and needs a library that is missing, is named with what to install."""
    proxy = CompanyProxy(*offers)
    async with company(proxy):
        error = await refused(proxy=proxy.url(userinfo))
    assert str(error).endswith(f"; {told}")


@pytest.mark.usefixtures("no_pyspnego")
async def test_library_is_missing_and_another_scheme_serves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A scheme that needs it is passed over, which one log record tells."""
    proxy = CompanyProxy("ntlm", "digest")
    caplog.set_level(logging.INFO, "trio_wsproxy")
    async with company(proxy):
        for _ in range(2):
            await tunnel(proxy=proxy.url(ADA))
    assert proxy.said == ["Basic", "Digest", "Digest"]
    (record,) = (
        record.getMessage() for record in caplog.records if "pyspnego" in record.getMessage()
    )
    assert record.startswith(
        f"proxy {proxy.url()} wants NTLM, which is passed over: NTLM needs pys"
    )


async def test_digest_that_cannot_be_answered() -> None:
    """A challenge that asks for what is not spoken here blames no password."""
    proxy = CompanyProxy("digest", digest_offer='realm="r", nonce="n", algorithm=SHA-3')
    async with company(proxy):
        error = await refused(proxy=proxy.url(ADA))
    assert "Digest as it asks for it is not spoken here (algorithm=SHA-3)" in str(error)
    assert "check user name" not in str(error)


async def test_credentials_that_ntlm_alone_can_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user name with a colon is sent as NTLM; where only Basic may be spoken nothing is sent."""
    proxy = CompanyProxy("ntlm", "basic")
    with ntlm_users("CORP\\ada", "s3cret"):
        async with company(proxy):
            error = await refused(proxy=proxy.url("a%3Ab:s3cret"))
            assert proxy.said == ["", "NTLM", "NTLM"]
            assert "it refuses these credentials (it offers NTLM, Basic)" in str(error)
            proxy.said.clear()
            url = proxy.url("a%3Ab:s3cret")
            environment(monkeypatch, all_proxy=url, TRIO_WSPROXY_AUTH="basic")
            with pytest.raises(ProxyConfigError, match="Basic cannot carry a user name") as caught:
                await tunnel()
            assert "s3cret" not in all_texts(caught.value)
            assert caught.value.hop == 1
    assert proxy.said == []


async def test_nothing_is_imported_for_a_proxy_of_digest() -> None:
    """Pyspnego stays out of a process that needs Basic and Digest alone."""
    code = (
        "import sys, trio_wsproxy\n"
        "from trio_wsproxy._auth import Authentication, ProxyAuthRequest, from_url\n"
        "Authentication(from_url('a', 'b'), ProxyAuthRequest('CONNECT', 'e:1', 'p', 1))\n"
        "Authentication(from_url('', '', sso=True), ProxyAuthRequest('CONNECT', 'e:1', 'p', 1))\n"
        "assert 'spnego' not in sys.modules\n"
    )
    result = await trio.run_process([sys.executable, "-c", code], check=False, capture_stderr=True)
    assert result.returncode == 0, result.stderr
