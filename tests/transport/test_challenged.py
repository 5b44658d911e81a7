"""The 407 conversation: on one connection where the proxy keeps it, on another where not."""

from __future__ import annotations

import base64
import copy
import functools
import logging
import pickle
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from _binding import BindingProxy, certificate, expected, server_context, unverified
from _binding import serving as serving_tls
from _wire import (
    Chunks,
    Peer,
    all_texts,
    cancelled_after,
    hop,
    nothing_left,
    ntlm_users,
    one_by_one,
    rest_of,
)

from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    ConnectionTimeout,
    DigestAuth,
    HandshakeError,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
    ProxyAuth,
    ProxyAuthenticationError,
    ProxyAuthRequest,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
    resolve_proxy,
)
from trio_wsproxy._auth import MAX_ROUNDS, Authentication, ProxyChallenge
from trio_wsproxy._auth._challenges import parse_parameters
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._http import MAX_BODY
from trio_wsproxy._transport._http_connect import DialAgain, open_connect_tunnel
from trio_wsproxy.testing import Certificates, open_echo_server, open_http_proxy

AUTHORITY = "echo.test:443"
GRANTED = b"HTTP/1.1 200 OK\r\n\r\n"
DIGEST = b'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
WRONG = b"HTTP/1.1 407 No\r\n" + DIGEST + b"Content-Length: 2\r\n\r\nno"


def memory(*schemes: ProxyAuth) -> Authentication:
    """What the dialer remembers of one hop."""
    return Authentication(schemes, ProxyAuthRequest("CONNECT", AUTHORITY, "proxy.test", 3128))


async def tunnel(peer: Peer, auth: Authentication | None, url: str = "http://p") -> trio.abc.Stream:
    """Ask a peer for a tunnel."""
    return await open_connect_tunnel(peer, hop(url), AUTHORITY, (), auth)


def sent(request: bytes) -> str | None:
    """The value of Proxy-Authorization in a request."""
    for line in request.split(b"\r\n"):
        if line.lower().startswith(b"proxy-authorization: "):
            return line.partition(b": ")[2].decode()
    return None


KEPT = {
    "length": b"Content-Length: 2\r\n\r\nno",
    "nothing": b"Content-Length: 0\r\n\r\n",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n7;x=y\r\n</html>\r\n0\r\n\r\n",
    "long": b"Content-Length: 20000\r\n\r\n" + b"x" * 20_000,
    "explicitly": b"Proxy-Connection: keep-alive\r\nContent-Length: 2\r\n\r\nno",
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("cut", [lambda data: [data], one_by_one], ids=["whole", "bytes"])
async def test_answered_on_the_same_connection(
    body: bytes, cut: Callable[[bytes], Chunks], autojump_clock: trio.abc.Clock
) -> None:
    """A challenge is answered behind its body, whatever that is framed by, and cut to what."""
    challenge = cut(b"HTTP/1.1 407 No\r\n" + DIGEST + body)
    peer = Peer(challenge, [*cut(GRANTED), b"tunnelled"])
    stream = await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert await rest_of(stream) == b"tunnelled"
    first, second = peer.heard
    assert sent(first) is None
    assert parse_parameters(sent(second) or "")["uri"] == AUTHORITY
    assert not peer.early  # it has read all of the body before


async def test_answered_on_http_1_0() -> None:
    """Old proxies that say that they keep the connection are believed."""
    old = WRONG.replace(b"1.1", b"1.0").replace(
        b"Content", b"Proxy-Connection: Keep-Alive\r\nContent"
    )
    peer = Peer(old, GRANTED)
    await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert len(peer.heard) == 2


CLOSED = {
    "said so": b"Connection: close\r\nContent-Length: 2\r\n\r\nno",
    "said so in the old way": b"Proxy-Connection: Close\r\nContent-Length: 2\r\n\r\nno",
    "no framing": b"\r\n<html>",
    "more behind": b"Content-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n\r\n",
    "cut": b"Content-Length: 200\r\n\r\nno",
    "broken": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "endless": b"Content-Length: 1000000000\r\n\r\n" + b"x" * (1 << 20),
}


@pytest.mark.parametrize("body", CLOSED.values(), ids=CLOSED)
async def test_dials_again(body: bytes) -> None:
    """Where the connection cannot be used again, the answer goes out on another one."""
    authentication = memory(DigestAuth("ada", "s"))
    first, second = Peer(b"HTTP/1.1 407 No\r\n" + DIGEST + body), Peer(GRANTED)
    with pytest.raises(DialAgain):
        await tunnel(first, authentication)
    assert len(first.heard) == 1
    await tunnel(second, authentication)
    assert (sent(second.heard[0]) or "").startswith("Digest ")


async def test_dials_again_on_http_1_0() -> None:
    """HTTP/1.0 closes unless it says otherwise."""
    with pytest.raises(DialAgain):
        await tunnel(Peer(WRONG.replace(b"1.1", b"1.0")), memory(DigestAuth("ada", "s")))


async def test_body_that_stalls(autojump_clock: trio.abc.Clock) -> None:
    """A page of which the rest does not come is not waited for."""
    stalled = WRONG.replace(b"Length: 2", b"Length: 3")
    with trio.fail_after(10), pytest.raises(DialAgain):
        await tunnel(Peer(stalled, then="silence"), memory(DigestAuth("ada", "s")))


@pytest.mark.parametrize("then", ["eof", "reset"])
async def test_connection_that_was_to_be_kept(then: Any) -> None:
    """A proxy that promises to stay and leaves is dialed once more."""
    authentication = memory(DigestAuth("ada", "s"))
    with pytest.raises(DialAgain):
        await tunnel(Peer(WRONG, then=then), authentication)
    second = Peer(GRANTED)
    await tunnel(second, authentication)
    assert (sent(second.heard[0]) or "").startswith("Digest ")


async def test_the_same_once_more_is_counted() -> None:
    """Digest counts what was sent, also what nobody has answered (RFC 7616 section 3.4): twice would be a replay."""
    authentication = memory(DigestAuth("ada", "s"))
    first = Peer(WRONG.replace(b'nonce="n"', b'nonce="n", qop="auth"'), then="eof")
    with pytest.raises(DialAgain):
        await tunnel(first, authentication)
    second = Peer(GRANTED)
    await tunnel(second, authentication)
    counts = [parse_parameters(sent(x) or "")["nc"] for x in (first.heard[1], second.heard[0])]
    assert counts == ["00000001", "00000002"]


async def test_cut_in_the_second_answer() -> None:
    """Half an answer is no reason to ask elsewhere."""
    with pytest.raises(ProxyProtocolError, match="in the middle of its answer"):
        await tunnel(Peer(WRONG, GRANTED[:9]), memory(DigestAuth("ada", "s")))


async def test_stale() -> None:
    """A nonce that is too old is replaced by the new one."""
    stale = WRONG.replace(b'"n"', b'"n2", stale=true')
    peer = Peer(WRONG, stale, GRANTED)
    await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert parse_parameters(sent(peer.heard[2]) or "")["nonce"] == "n2"


async def test_digest_behind_a_negotiate_that_was_refused() -> None:
    """There are rounds enough for all that is legitimate: Negotiate in three, then nonces of a farm."""
    offer = WRONG.replace(DIGEST, b"Proxy-Authenticate: Legs\r\n" + DIGEST)
    going_on = WRONG.replace(DIGEST, b"Proxy-Authenticate: Legs dG9rZW4=\r\n")
    stale = [WRONG.replace(b'"n"', b'"n%d", stale=true' % number) for number in range(3)]
    peer = Peer(offer, going_on, going_on, offer, *stale, GRANTED)
    await tunnel(peer, memory(Legs(), DigestAuth("ada", "s")))
    said = [(sent(request) or "").partition(" ")[0] for request in peer.heard]
    assert said == ["", "Legs", "Legs", "Legs", *["Digest"] * 4]


class Legs:
    """A scheme of three messages on one connection, as Negotiate is where the mechanism changes."""

    name = "Legs"
    needs_same_connection = True

    def __init__(self) -> None:
        self.left = 3

    def begin(self, _request: ProxyAuthRequest) -> Legs:
        return self

    def first(self) -> None:
        pass

    def answer(self, _challenge: ProxyChallenge) -> str | None:
        self.left -= 1
        return "Legs dG9rZW4=" if self.left >= 0 else None

    def accepted(self, _headers: Any) -> None:
        pass


async def test_rounds_are_limited() -> None:
    """Not more requests go out than some, on however many connections."""
    stale = WRONG.replace(b'"n"', b'"n", stale=true')
    peer = Peer(*[stale] * (MAX_ROUNDS + 6))
    with pytest.raises(ProxyAuthenticationError):
        await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert len(peer.heard) == MAX_ROUNDS
    authentication = memory(DigestAuth("ada", "s"))
    closing = stale.replace(b"Content", b"Connection: close\r\nContent")
    for _ in range(MAX_ROUNDS - 1):
        with pytest.raises(DialAgain):
            await tunnel(Peer(closing), authentication)
    with pytest.raises(ProxyAuthenticationError):
        await tunnel(Peer(closing), authentication)


async def test_liar_is_limited() -> None:
    """Nor does a proxy that leaves each time behind its promise keep us busy."""
    stale = WRONG.replace(b'"n"', b'"n", stale=true')
    authentication, requests = memory(DigestAuth("ada", "s")), 0
    error: Exception = DialAgain()
    while isinstance(error, DialAgain):
        peer = Peer(stale)
        with pytest.raises((DialAgain, ProxyAuthenticationError, ProxyProtocolError)) as caught:
            await tunnel(peer, authentication)
        error = caught.value
        requests += len(peer.heard)
    assert requests <= MAX_ROUNDS


async def test_url_selects_digest() -> None:
    """The URL's credentials go out as Basic, and as Digest where the proxy wants that."""
    peer = Peer(WRONG, GRANTED)
    await tunnel(peer, None, "http://ada:s@p")
    first, second = map(sent, peer.heard)
    assert first == "Basic YWRhOnM="
    assert parse_parameters((second or "").removeprefix("Digest "))["username"] == "ada"


async def test_digest_with_non_ascii_credentials() -> None:
    """What is not ASCII goes out in UTF-8."""
    peer = Peer(WRONG, GRANTED)
    await tunnel(peer, memory(DigestAuth("jürgen", "päss")))
    assert 'username="jürgen"'.encode() in peer.heard[1]


async def test_own_header_is_the_last_word() -> None:
    """Who sends a Proxy-Authorization of their own answers for it."""
    peer = Peer(WRONG)
    own = ((b"proxy-authorization", b"Bearer t"),)
    with pytest.raises(ProxyAuthenticationError):
        await open_connect_tunnel(peer, hop("http://ada:s@p"), AUTHORITY, own)
    assert [sent(one) for one in peer.heard] == ["Bearer t"]


async def test_401_is_no_challenge() -> None:
    """401 is tinyproxy's word for wrong credentials; there is nothing to say to it."""
    peer = Peer(WRONG.replace(b"407", b"401"))
    with pytest.raises(ProxyAuthenticationError):
        await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert len(peer.heard) == 1


async def test_other_refusal_behind_a_challenge() -> None:
    """Whom the proxy knows it may still refuse."""
    peer = Peer(WRONG, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ProxyRejected, match="its rules forbid") as caught:
        await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert type(caught.value) is ProxyRejected


@pytest.mark.parametrize(("status", "reads"), [(401, 1), (407, 1), (403, 0), (502, 0), (200, 0)])
async def test_challenges_are_read_where_they_mean_something(
    status: int, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in Proxy-Authenticate is looked at in a 401 and a 407 only."""
    seen: list[bytes] = []

    def look(values: Iterable[bytes]) -> list[ProxyChallenge]:
        seen.extend(values)
        return []

    monkeypatch.setattr("trio_wsproxy._transport._http_connect.parse_challenges", look)
    peer = Peer(WRONG.replace(b"407", b"%d" % status))
    with suppress(ProxyRejected):
        await tunnel(peer, memory(DigestAuth("ada", "s")))
    assert len(seen) == reads


async def test_cancelled_at_each_checkpoint() -> None:
    """The conversation can be cancelled wherever it waits, and closes nothing of its caller's."""
    challenge, granted = one_by_one(WRONG), one_by_one(GRANTED[:-1])
    for count in range(len(challenge) + len(granted) + 2):
        peer = Peer(challenge, granted, then="silence")
        assert await cancelled_after(count, tunnel, peer, memory(DigestAuth("ada", "s")))
        assert not peer.closed


def check_copies(error: Exception) -> None:
    """An error survives pickle and copy, says the same then, and no secret travels in it."""
    data = pickle.dumps(error)
    assert b"s3cret" not in data
    for other in (pickle.loads(data), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert (str(other), repr(other)) == (str(error), repr(error))
        assert failure_of(other) == failure_of(error)
        assert "s3cret" not in all_texts(other)


OFFERS = [
    ((), "http://p", b"Basic realm=x", "credentials (it offers Basic): put user:password@"),
    (
        (),
        "http://p",
        b"Negotiate, NTLM",
        (
            "(it offers Negotiate, NTLM): put DOMAIN%5Cuser:password@ into the proxy URL, "
            "or :@ for single sign-on"
        ),
    ),
    (
        (),
        "http://p",
        b"Negotiate",
        "(it offers Negotiate): put :@ into the proxy URL for single sig",
    ),
    ((), "http://p", b"Bearer", "(it offers Bearer): give them with proxy_auth="),
    (
        (),
        "http://ada:s3cret@p",
        b"Negotiate",
        (
            "it offers Negotiate, but not Basic, which was sent first: there are credentials for Basic, "
            "Digest, NTLM; to use them for Negotiate, name negotiate in TRIO_WSPROXY_AUTH"
        ),
    ),
    (
        (),
        "http://ada:s3cret@p",
        b"Basic realm=x",
        "(it offers Basic): check user name and password in",
    ),
    ((BasicAuth("ada", "s3cret"),), "http://p", b"Basic", "user name and password of proxy_auth="),
    ((BearerAuth("s3cret"),), "http://p", b"Bearer", "check the token of proxy_auth="),
    (
        (DigestAuth("ada", "s3cret"), BasicAuth("ada", "s3cret", require_tls=True)),
        "http://p",
        b"Basic realm=x",
        (
            "it offers Basic, so nothing was sent: Basic is kept from http:// proxies by "
            "require_tls=True: use https:// for"
        ),
    ),
    (
        (DigestAuth("ada", "s3cret"),),
        "http://p",
        b'Digest realm="r", nonce="n", algorithm=SHA-3, qop="auth-int"',
        (
            "it offers Digest, so nothing was sent: Digest as it asks for it is not spoken here "
            "(algorithm=SHA-3, qop=auth-int)"
        ),
    ),
    (
        (),
        "http://ada:s3cret@p",
        b'Digest realm="r", nonce="n", algorithm=SHA-3',
        "it offers Digest, but not Basic, which was sent first: Digest as it asks for it is not spoken he",
    ),
    (
        (DigestAuth("ada", "s3cret"),),
        "http://p",
        b"Digest",
        "Digest as it asks for it is not spoken here (without realm or nonce)",
    ),
]


@pytest.mark.parametrize(("schemes", "url", "offer", "text"), OFFERS)
async def test_refusal_names_the_schemes(
    schemes: tuple[ProxyAuth, ...], url: str, offer: bytes, text: str
) -> None:
    """The error says what is offered and what to do, has the page, and shows no secret."""
    page = b"x" * (MAX_BODY + 1)
    head = b"HTTP/1.1 407 No\r\nProxy-Authenticate: " + offer + b"\r\n"
    answer = head + b"Content-Length: %d\r\n\r\n" % len(page) + page
    with pytest.raises(ProxyAuthenticationError) as caught:
        await tunnel(Peer(*[answer] * 5), memory(*schemes) if schemes else None, url)
    assert text in str(caught.value)
    assert (caught.value.status_code, caught.value.body) == (407, page[:MAX_BODY])
    assert (b"proxy-authenticate", offer) in caught.value.headers
    assert "s3cret" not in all_texts(caught.value)
    check_copies(caught.value)


DIGEST_THEN_BASIC = (DigestAuth("ada", "s3cret"), BasicAuth("ada", "s3cret"))


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize(
    ("schemes", "url", "values", "text"),
    [
        ((), "http://p", [None], "it wants credentials: put user:password@ into the proxy URL"),
        (
            DIGEST_THEN_BASIC,
            "http://p",
            [None],
            "so nothing was sent: put the scheme that it takes first in proxy_auth=; there BasicAuth and",
        ),
        (
            (BasicAuth("ada", "s3cret"),),
            "http://p",
            ["Basic"],
            "it refuses these credentials: check user name and password of proxy_auth=",
        ),
        ((BearerAuth("s3cret"),), "http://p", ["Bearer"], "check the token of proxy_auth="),
        ((), "http://ada:s3cret@p", ["Basic"], "check user name and password in the proxy URL"),
    ],
)
async def test_no_challenge(
    schemes: tuple[ProxyAuth, ...], url: str, values: list[str | None], text: str, status: int
) -> None:
    """Where no scheme is named, it is said what was sent, and that nothing was."""
    peer = Peer(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
    with pytest.raises(ProxyAuthenticationError) as caught:
        await tunnel(peer, memory(*schemes) if schemes else None, url)
    assert text in str(caught.value)
    assert [value and value.split(" ")[0] for value in map(sent, peer.heard)] == values
    assert "s3cret" not in all_texts(caught.value)
    check_copies(caught.value)


async def test_header_of_its_own_is_refused() -> None:
    """Who gives the header himself is not told to look at a password."""
    own = ((b"Proxy-Authorization", b"Bearer s3cret"),)
    text = r"refuses the Proxy-Authorization header that it was given \(it offers Digest\)$"
    with pytest.raises(ProxyAuthenticationError, match=text) as caught:
        await open_connect_tunnel(Peer(WRONG), hop("http://ada:s3cret@p"), AUTHORITY, own)
    check_copies(caught.value)


class Ticket:
    """A scheme that takes two messages on one connection."""

    name = "Ticket"
    needs_same_connection = True

    def begin(self, _: ProxyAuthRequest) -> Ticket:
        return self

    def first(self) -> None:
        return None

    def answer(self, challenge: ProxyChallenge) -> str | None:
        return f"Ticket {challenge.token68 or 'one'}"

    def accepted(self, headers: Any) -> None:
        pass


@pytest.mark.parametrize("auth", ["netrc", BearerAuth("t"), Ticket()])
async def test_url_goes_before_what_takes_no_password(auth: Any) -> None:
    """Credentials in the URL go before what is not for a user and a password, which nobody is sent."""
    async with open_http_proxy(credentials=("ada", "other")) as proxy:
        url = proxy.url_for(credentials=("ada", "s3cret"))
        with pytest.raises(ProxyAuthenticationError) as caught:
            await open_tcp_stream("echo.test", 1, proxy=url, proxy_auth=auth)
    assert str(caught.value).endswith(
        "it refuses these credentials (it offers Basic): check user name and password in the proxy URL"
    )


async def test_downgrade_is_told() -> None:
    """A proxy that wanted Digest and now Basic gets none, and why is said."""
    await tunnel(Peer(WRONG, GRANTED), None, "http://ada:s3cret@p")
    peer = Peer(*[WRONG.replace(DIGEST, b"Proxy-Authenticate: Basic\r\n")] * 3)
    with pytest.raises(ProxyAuthenticationError, match="it offers Basic alone now") as caught:
        await tunnel(peer, None, "http://ada:s3cret@p")
    assert not any("Basic" in (sent(request) or "") for request in peer.heard)
    assert "s3cret" not in all_texts(caught.value)


# --- the connection is kept by HTTP/1.0 proxies where they are asked for it ----------------


def keeps(request: bytes) -> list[bytes]:
    """The lines of a request that ask for the connection to be kept."""
    return [line for line in request.split(b"\r\n") if line.lower().startswith(b"proxy-conn")]


async def test_http_1_0_is_asked_to_stay() -> None:
    """Squid 2 keeps a connection if asked in its way: NTLM and Negotiate need that."""
    bare = b"HTTP/1.0 407 No\r\nProxy-Authenticate: Ticket\r\nConnection: close\r\n\r\n"
    two = (
        b"HTTP/1.0 407 No\r\nProxy-Authenticate: Ticket AAAA\r\nContent-Length: 2\r\n"
        b"Proxy-Connection: keep-alive\r\n\r\nno"
    )
    authentication = memory(Ticket())
    with pytest.raises(DialAgain):
        await tunnel(Peer(bare), authentication)
    peer = Peer(two, b"HTTP/1.0 200 OK\r\n\r\n")
    await tunnel(peer, authentication)
    assert [sent(request) for request in peer.heard] == ["Ticket one", "Ticket AAAA"]
    assert [keeps(request) for request in peer.heard] == [[b"Proxy-Connection: Keep-Alive"]] * 2


async def test_http_1_0_is_asked_to_stay_for_ntlm() -> None:
    """User and password of a URL ask for it once NTLM is spoken, and not before."""
    pytest.importorskip("spnego")
    offer = b"HTTP/1.0 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Connection: keep-alive\r\n"
    peer = Peer(offer + b"Content-Length: 2\r\n\r\nno", b"HTTP/1.0 200 OK\r\n\r\n")
    await tunnel(peer, None, "http://ada:s3cret@p")
    assert [(sent(one) or "").partition(" ")[0] for one in peer.heard] == ["Basic", "NTLM"]
    assert [keeps(one) for one in peer.heard] == [[], [b"Proxy-Connection: Keep-Alive"]]


@pytest.mark.parametrize(
    ("schemes", "own", "omitted", "asked"),
    [
        ((Ticket(),), (), (), [b"Proxy-Connection: Keep-Alive"]),
        ((DigestAuth("a", "b"), Ticket()), (), (), [b"Proxy-Connection: Keep-Alive"]),
        ((Ticket(),), (), (b"proxy-connection",), []),
        ((Ticket(),), ((b"proxy-connection", b"x"),), (), [b"proxy-connection: x"]),
        ((Ticket(),), ((b"Proxy-Authorization", b"x"),), (), []),
        ((DigestAuth("a", "b"),), (), (), []),
        ((), (), (), []),
    ],
)
async def test_who_is_asked_to_stay(
    schemes: tuple[ProxyAuth, ...],
    own: tuple[tuple[bytes, bytes], ...],
    omitted: tuple[bytes, ...],
    asked: list[bytes],
) -> None:
    """It is asked for where a scheme needs it; a header of one's own or None for it count more."""
    peer = Peer(GRANTED)
    names = frozenset(omitted)
    await open_connect_tunnel(
        peer, hop("http://p"), AUTHORITY, own, memory(*schemes), omitted=names
    )
    assert keeps(peer.heard[0]) == asked


async def test_one_proxy_is_not_asked_to_stay() -> None:
    """None in the headers of one proxy takes it away there."""
    peer = Peer(GRANTED)
    target = hop("http://p", headers={"Proxy-Connection": None})
    await open_connect_tunnel(peer, target, AUTHORITY, (), memory(Ticket()))
    assert keeps(peer.heard[0]) == []


# --- NTLM: bound to its connection ---------------------------------------------------------


async def test_ntlm_is_bound_to_its_connection() -> None:
    """A proxy that closes between NTLM's messages is told as what it is."""
    spnego = pytest.importorskip("spnego")
    challenge = b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM%s\r\n%sContent-Length: 0\r\n\r\n"
    authentication = memory(NTLMAuth("TEST\\ada", "s3cret"))
    with pytest.raises(DialAgain):
        await tunnel(Peer(challenge % (b"", b"Connection: close\r\n")), authentication)
    # The context of the acceptor needs the client's first message; it went to nobody yet.
    value = (authentication.value or b"").decode()
    with ntlm_users("TEST\\ada", "s3cret"):
        server = spnego.server(protocol="ntlm")
    two = base64.b64encode(server.step(base64.b64decode(value.removeprefix("NTLM "))))
    peer = Peer(challenge % (b" " + two, b"Connection: close\r\n"))
    with pytest.raises(ProxyProtocolError, match="in the middle of an authentication") as caught:
        await tunnel(peer, authentication)
    assert "s3cret" not in all_texts(caught.value)
    assert sent(peer.heard[0]) == value


async def test_negotiate_that_fails_here() -> None:
    """Why single sign-on fails on this machine is said, and what else is known is tried."""
    pytest.importorskip("spnego")

    class Broken(Exception):
        pass

    def broken(*args: object, **options: object) -> None:
        raise Broken("no ticket")

    offer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate, Basic\r\nContent-Length: 0\r\n\r\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spnego.client", broken)
        text = r"it offers Negotiate, Basic, so nothing was sent: Negotiate failed on this machine \(Broken: no ticket\)"
        with pytest.raises(ProxyAuthenticationError, match=text) as caught:
            await tunnel(Peer(offer, offer), memory(NegotiateAuth()))
        assert isinstance(caught.value.__cause__, Broken)
        peer = Peer(offer, GRANTED)
        await tunnel(peer, memory(NegotiateAuth(), BasicAuth("ada", "s")))
    assert sent(peer.heard[1]) == "Basic YWRhOnM="


# --- through the public functions ------------------------------------------------------------


class ScriptedProxy:
    """A proxy on loopback that asks for Digest, and checks the answer."""

    def __init__(self, *, keep: bool, password: str = "s3cret") -> None:
        self.keep = keep
        self.password = password
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            while True:
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (chunk := await stream.receive_some()):
                        return
                    request += chunk
                self.requests.append(request)
                if self.knows(request):
                    break
                close = b"" if self.keep else b"Connection: close\r\n"
                await stream.send_all(WRONG.replace(b"Content", close + b"Content"))
                if not self.keep:
                    return
            await stream.send_all(GRANTED)
            host, _, port = request.split()[1].decode().rpartition(":")
            async with await trio.open_tcp_stream(host, int(port)) as upstream:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.copy, stream, upstream)
                    await self.copy(upstream, stream)
                    nursery.cancel_scope.cancel()

    async def copy(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            async for data in source:
                await sink.send_all(data)
            await sink.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # one side has left

    def knows(self, request: bytes) -> bool:
        from trio_wsproxy._auth._digest import digest

        value = sent(request)
        if value is None or not value.startswith("Digest "):
            return False
        given = parse_parameters(value.removeprefix("Digest "))
        expected = digest(
            "ada",
            self.password,
            "CONNECT",
            request.split()[1].decode(),
            {"realm": "r", "nonce": "n", "qop": "auth"},
            cnonce=given["cnonce"],
            count=int(given["nc"], 16),
        )
        return parse_parameters(expected.removeprefix("Digest ")) == given


@asynccontextmanager
async def serving(proxy: ScriptedProxy) -> Any:
    """Run a proxy on loopback."""
    async with trio.open_nursery() as nursery:
        serve = functools.partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        proxy.port = listeners[0].socket.getsockname()[1]
        yield proxy
        nursery.cancel_scope.cancel()


def scripted_proxy(*, keep: bool = True) -> Any:
    """Run a :class:`ScriptedProxy`."""
    return serving(ScriptedProxy(keep=keep))


@pytest.mark.parametrize(
    "auth", [BasicAuth("ada", "s3cret", require_tls=True), BearerAuth("s3cret", require_tls=True)]
)
@pytest.mark.parametrize("chain", [False, True])
async def test_nothing_is_sent_without_tls(auth: ProxyAuth, chain: bool) -> None:
    """Who requires TLS for a password, is told before anything is dialed what to do."""
    async with open_http_proxy() as first, open_http_proxy() as proxy:
        hops: list[str | Proxy] = [first.url] if chain else []
        hops.append(Proxy(proxy.url, auth=auth))
        with pytest.raises(ProxyConfigError, match="use https:// for its scheme") as caught:
            await open_tcp_stream("echo.test", 1, proxy=hops)
        assert "s3cret" not in all_texts(caught.value)
        check_copies(caught.value)
        assert proxy.url in str(caught.value)
        assert not first.events
        assert not proxy.events


async def test_second_tunnel_shows_no_password() -> None:
    """A URL's password is readable in the first tunnel only, where the proxy wants Digest."""
    async with open_echo_server() as server, scripted_proxy() as proxy:
        url = proxy.url.replace("//", "//ada:s3cret@")
        for _ in range(2):
            async with open_websocket_url(server.url, proxy=url) as ws:
                await ws.send("x")
        schemes = [(sent(request) or "").split(" ")[0] for request in proxy.requests]
        assert schemes == ["Basic", "Digest", "Digest"]


@pytest.mark.parametrize("keep", [True, False])
async def test_websocket_behind_digest(keep: bool) -> None:
    """A WebSocket opens through a proxy that wants Digest, kept connection or not."""
    async with nothing_left(), open_echo_server() as server, scripted_proxy(keep=keep) as proxy:
        auth = DigestAuth("ada", "s3cret")
        async with open_websocket_url(server.url, proxy=proxy.url, proxy_auth=auth) as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
        assert (len(proxy.requests), proxy.connections) == (2, 1 if keep else 2)
        # The next one begins with what the proxy has said.
        async with open_websocket_url(server.url, proxy=Proxy(proxy.url, auth=auth)):
            pass
        assert len(proxy.requests) == 3


@pytest.mark.parametrize("function", [open_tcp_stream, open_ssl_over_tcp_stream])
async def test_streams_behind_digest(function: Callable[..., Awaitable[Any]]) -> None:
    """The dialer takes proxy_auth, and says what is wrong without saying the secret."""
    async with scripted_proxy() as proxy:
        with pytest.raises(ProxyAuthenticationError, match="it offers Digest") as caught:
            await function(
                "127.0.0.1", 9, proxy=proxy.url, proxy_auth=[DigestAuth("ada", "wr0ng-s3cret")]
            )
        assert len(proxy.requests) == 2
        assert "wr0ng" not in all_texts(caught.value)


async def test_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With proxy_auth="netrc" the file's entry for the proxy's host is used; only then."""
    file = tmp_path / "passwords"
    file.write_text("machine 127.0.0.1 login ada password s3cret\n")
    monkeypatch.setenv("NETRC", str(file))
    async with open_echo_server() as server, scripted_proxy() as proxy:
        async with open_websocket_url(server.url, proxy=proxy.url, proxy_auth="netrc"):
            pass
        async with open_websocket_url(server.url, proxy=Proxy(proxy.url, auth="netrc")):
            pass
        with pytest.raises(ProxyAuthenticationError, match="it wants credentials"):
            await open_tcp_stream("127.0.0.1", 9, proxy=proxy.url)
        file.unlink()
        url = proxy.url.replace("//", "//ada:wrong@")
        with pytest.raises(ProxyAuthenticationError):  # the URL's, without looking at the file
            await open_tcp_stream("127.0.0.1", 9, proxy=url, proxy_auth="netrc")
        with pytest.raises(ProxyConfigError, match="passwords cannot be read: No such file"):
            await open_tcp_stream("127.0.0.1", 9, proxy=proxy.url, proxy_auth="netrc")


@pytest.fixture
def passwords(tmp_path: Path) -> Iterator[Any]:
    """The system's keyring, in a file."""
    keyring = pytest.importorskip("keyring")
    file = pytest.importorskip("keyrings.alt.file")
    before = keyring.get_keyring()
    backend = file.PlaintextKeyring()
    backend.file_path = str(tmp_path / "passwords.cfg")
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


async def test_keyring(passwords: Any) -> None:
    """With proxy_auth="keyring" the password of the URL's user comes from there; only then."""
    async with open_echo_server() as server, scripted_proxy() as proxy:
        passwords.set_password(f"127.0.0.1:{proxy.port}", "ada", "s3cret")
        url = proxy.url.replace("//", "//ada@")
        async with open_websocket_url(server.url, proxy=url, proxy_auth="keyring") as ws:
            (stage,) = [stage for stage in ws.dial_report.stages if stage.name == "setup"]
            assert (stage.hop, stage.peer) == (1, "keyring")
        async with open_websocket_url(server.url, proxy=Proxy(url, auth="keyring")):
            pass
        wrong = proxy.url.replace("//", "//ada:wrong@")
        with pytest.raises(ProxyAuthenticationError):  # the URL's, without looking it up
            await open_tcp_stream("127.0.0.1", 9, proxy=wrong, proxy_auth="keyring")
        with pytest.raises(ProxyAuthenticationError):
            await open_tcp_stream("127.0.0.1", 9, proxy=url)
        with pytest.raises(
            ProxyConfigError, match=f"keyring set 127.0.0.1:{proxy.port} U"
        ) as caught:
            await open_tcp_stream("127.0.0.1", 9, proxy=proxy.url, proxy_auth="keyring")
        assert "s3cret" not in all_texts(caught.value)
        assert (caught.value.proxy, caught.value.hop) == (proxy.url, 1)


async def test_keyring_serves_ntlm(passwords: Any) -> None:
    """What was found serves every scheme that a URL's credentials serve."""
    pytest.importorskip("spnego")
    one = certificate("ec", "SHA256")
    proxy = BindingProxy([server_context(one, "ec")], [expected(one)])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with open_echo_server() as server, serving_tls(proxy):
            passwords.set_password("localhost", "TEST\\ada", "s3cret")
            url = proxy.url.replace("//", "//TEST%5Cada@")
            async with open_websocket_url(
                server.url, proxy=url, proxy_auth="keyring", proxy_ssl_context=unverified()
            ):
                pass
    assert not proxy.refused


async def test_keyring_that_waits_for_its_user(passwords: Any) -> None:
    """A locked keyring costs no more than the deadline, which names it."""
    let = threading.Event()
    passwords.get_credential = lambda *_: let.wait()
    async with open_http_proxy() as proxy:
        with pytest.raises(
            ConnectionTimeout, match="waiting for the keyring of this machine, for"
        ) as e:
            async with open_websocket_url(
                "ws://echo.test", proxy=proxy.url, proxy_auth="keyring", connect_timeout=0.05
            ):
                pass
        assert "is it locked, and does it ask for its password somewhere?" in str(e.value)
        assert not proxy.events
    let.set()


async def test_keyring_is_not_asked_for_nothing(passwords: Any) -> None:
    """SOCKS proxies, direct connections and proxies with schemes of their own do not need it."""
    passwords.get_credential = lambda *_: 1 / 0
    async with open_echo_server() as server, open_http_proxy() as proxy:
        for hop in (
            None,
            Proxy(proxy.url, auth=BasicAuth("ada", "x")),
            proxy.url_for(credentials=("a", "b")),
        ):
            async with open_websocket_url(server.url, proxy=hop, proxy_auth="keyring"):
                pass


async def test_proxy_headers_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """An async function gives the headers of each hop, knowing the proxy and the authority."""
    asked = []

    async def ticket(proxy: Proxy, authority: str) -> dict[str, str | None]:
        await trio.lowlevel.checkpoint()
        asked.append((proxy.url, authority))
        return {"X-Ticket": str(len(asked)), "User-Agent": None}

    async with open_echo_server() as server, scripted_proxy() as first, scripted_proxy() as second:
        auth = DigestAuth("ada", "s3cret")
        chain = [first.url, second.url]
        async with open_websocket_url(
            server.url, proxy=chain, proxy_auth=auth, proxy_headers=ticket
        ):
            pass
        authority = f"127.0.0.1:{second.port}"
        assert asked[0] == (second.url, server.authority)  # the last hop is thought of first
        assert (first.url, authority) in asked
        for proxy in (first, second):
            assert all(b"X-Ticket: " in request for request in proxy.requests)
            assert not any(b"User-Agent" in request for request in proxy.requests)


@pytest.mark.parametrize(
    ("general", "own", "agent"),
    [
        (None, None, b"trio_wsproxy/"),
        ({"user-agent": "x"}, None, b"x"),
        ({"User-Agent": None}, None, None),
        (None, {"User-Agent": None}, None),
        ({"User-Agent": "x"}, {"user-agent": None}, None),
        ({"User-Agent": None}, {"User-Agent": "own"}, b"own"),
        ([(b"User-Agent", None)], [("User-Agent", "own")], b"own"),
    ],
)
async def test_user_agent(general: Any, own: Any, agent: bytes | None) -> None:
    """User-Agent is sent, can be changed and taken away, for all proxies and for one."""
    async with scripted_proxy() as proxy:
        with pytest.raises(ProxyAuthenticationError):
            await open_tcp_stream(
                "127.0.0.1", 9, proxy=Proxy(proxy.url, headers=own), proxy_headers=general
            )
    lines = [
        one for one in proxy.requests[0].split(b"\r\n") if one.lower().startswith(b"user-agent")
    ]
    if agent is None:
        assert not lines
    else:
        assert len(lines) == 1
        assert lines[0].partition(b": ")[2].startswith(agent)


@pytest.mark.parametrize("headers", [{"X": "s3cret\n"}, {"X": None, "Host": "x"}, {"Host": None}])
def test_headers_that_are_refused(headers: Any) -> None:
    """What HTTP forbids, and what is not the caller's to set or omit, is refused."""
    with pytest.raises(ValueError) as caught:
        open_websocket_url("ws://e.test", proxy_headers=headers)
    assert "s3cret" not in all_texts(caught.value)
    with pytest.raises(ProxyConfigError):
        Proxy("http://p", headers=headers)


@pytest.mark.parametrize(
    ("url", "auth", "text"),
    [
        ("socks5h://p", BasicAuth("u", "s3cret"), "auth is for http"),
        ("http://u:s3cret@p", DigestAuth("u", "s3cret"), "credentials in the URL and in auth="),
    ],
)
def test_auth_that_does_not_fit(url: str, auth: ProxyAuth, text: str) -> None:
    """A Proxy refuses what nothing would use."""
    with pytest.raises(ProxyConfigError, match=text) as caught:
        Proxy(url, auth=auth)
    assert "s3cret" not in all_texts(caught.value)


class NTLMProxy(ScriptedProxy):
    """A proxy whose NTLM is pyspnego's acceptor, one for each connection."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.user = ""

    async def serve(self, stream: trio.SocketStream) -> None:
        import spnego

        self.connections += 1
        acceptor = spnego.server(protocol="ntlm")
        async with stream:
            while True:
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (chunk := await stream.receive_some()):
                        return
                    request += chunk
                self.requests.append(request)
                value = sent(request) or ""
                token = b""
                if value:
                    try:
                        answer = acceptor.step(base64.b64decode(value.removeprefix("NTLM ")))
                    except spnego.exceptions.SpnegoError:
                        answer, acceptor = None, spnego.server(protocol="ntlm")
                    if acceptor.complete:
                        self.user = acceptor.client_principal or ""
                        await stream.send_all(GRANTED)
                        return
                    token = b" " + base64.b64encode(answer) if answer else b""
                head = b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM" + token
                await stream.send_all(head + b"\r\nContent-Length: 4\r\n\r\npage")


async def test_ntlm_is_checked() -> None:
    """NTLM's messages stand the check of another implementation, with the right password."""
    pytest.importorskip("spnego")
    with ntlm_users("TEST\\ada", "s3cret"):
        async with serving(NTLMProxy(keep=True)) as proxy:
            auth = NTLMAuth("TEST\\ada", "s3cret")
            stream = await open_tcp_stream("127.0.0.1", 9, proxy=proxy.url, proxy_auth=auth)
            await stream.aclose()
            assert (proxy.user, proxy.connections, len(proxy.requests)) == ("TEST\\ada", 1, 3)


async def test_ntlm_with_a_wrong_password() -> None:
    """With another password it does not, and that is said."""
    pytest.importorskip("spnego")
    with ntlm_users("TEST\\ada", "s3cret"):
        async with serving(NTLMProxy(keep=True)) as proxy:
            auth = NTLMAuth("TEST\\ada", "wr0ng")
            with pytest.raises(ProxyAuthenticationError, match="it refuses these cred") as caught:
                await open_tcp_stream("127.0.0.1", 9, proxy=proxy.url, proxy_auth=auth)
            assert "wr0ng" not in all_texts(caught.value)
            assert proxy.user == ""


# --- client certificates -----------------------------------------------------------------------


async def test_client_certificates() -> None:
    """Proxy and server each get the client certificate of their own context, in TLS in TLS."""
    office, service = Certificates(), Certificates()
    to_proxy, to_server = office.client_certificate_context(), service.client_certificate_context()
    names = ("localhost", "127.0.0.1")
    async with open_echo_server(
        ssl_context=service.server_context(*names, client_ca=service)
    ) as server:
        async with open_http_proxy(
            ssl_context=office.server_context(*names, client_ca=office)
        ) as proxy:
            async with open_websocket_url(
                server.url, to_server, proxy=proxy.url, proxy_ssl_context=to_proxy
            ) as ws:
                await ws.send("hello")
                assert await ws.receive() == "hello"
            with pytest.raises(ProxyError, match="load_cert_chain"):
                async with open_websocket_url(
                    server.url,
                    to_server,
                    proxy=proxy.url,
                    proxy_ssl_context=office.client_context(),
                ):
                    pass
            with pytest.raises(HandshakeError):
                async with open_websocket_url(
                    server.url,
                    service.client_context(),
                    proxy=Proxy(proxy.url, ssl_context=to_proxy),
                ):
                    pass


# --- secrets -------------------------------------------------------------------------------


async def test_nothing_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Neither errors and their causes, nor reprs, routes, explanations, and logs at DEBUG do."""
    caplog.set_level(logging.DEBUG)
    challenge = ProxyChallenge("Digest", {"realm": "r", "nonce": "n"})
    async with open_echo_server() as server, scripted_proxy() as proxy:
        given = Proxy(proxy.url, auth=DigestAuth("ada", "s3cret"), headers={"X-Key": "s3cret"})
        shown = [repr(given), str(given), repr(memory(DigestAuth("ada", "s3cret")))]
        shown += [repr(DigestAuth("ada", "s3cret").begin(memory_request()))]
        route = resolve_proxy(server.url, proxy=given)
        shown += [repr(route), route.explain(), route.picture, repr(challenge)]
        async with open_websocket_url(server.url, proxy=given) as ws:
            shown += [repr(ws), repr(ws.dial_report), repr(ws.route)]
        given = Proxy(proxy.url, auth=[DigestAuth("ada", "wr0ng"), BasicAuth("ada", "wr0ng")])
        with pytest.raises(ProxyAuthenticationError) as caught:
            await open_tcp_stream("127.0.0.1", 9, proxy=given)
        shown.append(all_texts(caught.value))
    assert not [text for text in [*shown, caplog.text] if "s3cret" in text or "wr0ng" in text]


def memory_request() -> ProxyAuthRequest:
    """A request, for what does not look at it."""
    return ProxyAuthRequest("CONNECT", AUTHORITY, "proxy.test", 3128)
