"""Several ways to one target, on loopback and a virtual clock: dead, slow and refusing proxies."""

from __future__ import annotations

import atexit
import socket
import ssl
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from trio_wsproxy import (
    PAC,
    BasicAuth,
    ConnectionLost,
    ConnectionTimeout,
    Failover,
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerUnreachable,
    open_tcp_stream,
    open_websocket_url,
    reconnecting_websocket_url,
    resolve_proxy,
    resolve_proxy_async,
)
from trio_wsproxy._client import _way
from trio_wsproxy._routing import PATIENCE, Question, _pac
from trio_wsproxy._routing._failover import BAD_FOR
from trio_wsproxy.testing import (
    Answer,
    Certificates,
    CutAnswer,
    Fail,
    ProxyServer,
    Reset,
    Stall,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

_TAKEN = socket.socket()
_TAKEN.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets the port
atexit.register(_TAKEN.close)
DEAD_PORT: int = _TAKEN.getsockname()[1]
DEAD = f"http://127.0.0.1:{DEAD_PORT}"
URL = "ws://echo.test:{port}/"
VARIABLES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "socks_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of the machine that runs the tests count."""
    for name in (*VARIABLES, "no_proxy", "trio_wsproxy_pac", "trio_wsproxy_auth"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def hops(proxy: Any, url: str) -> list[str]:
    """Connect, and give the URLs of the hops that were taken."""
    async with open_websocket_url(url, proxy=proxy) as ws:
        await ws.send("hello")
        assert await ws.receive() == "hello"
        assert ws.route is not None
        return [hop.url for hop in ws.route.hops]


@pytest.mark.parametrize(
    "script",
    [
        Fail(502),
        Fail(503),
        Fail(504),
        CutAnswer(0),
        CutAnswer(5),
        Reset("reply"),
        Reset("accept"),
        Stall("reply"),
    ],
    ids=str,
)
async def test_next(script: Any, autojump_clock: trio.testing.MockClock) -> None:
    """The next one is tried where a proxy hangs up, cannot connect, or takes too long."""
    async with open_echo_server() as echo, open_http_proxy(script=[script]) as bad:
        async with open_http_proxy(resolve={"echo.test": echo.host}) as good:
            url = URL.format(port=echo.port)
            assert await hops(Failover(bad.url, good.url), url) == [good.url]
            assert len(good.requests) == 1


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Fail(403), ProxyRejected),
        (Fail(407), ProxyAuthenticationError),
        (Fail(404), ProxyRejected),
        (Fail(500), ProxyRejected),
        (Answer(b"SSH-2.0-OpenSSH\r\n"), ProxyProtocolError),
    ],
    ids=str,
)
async def test_never_after_a_refusal(script: Any, error: type[Exception]) -> None:
    """Who refuses has decided: no other way is tried, and the error is that proxy's."""
    async with open_http_proxy(script=[script]) as bad, open_http_proxy() as other:
        with pytest.raises(error) as caught:
            await hops(Failover(bad.url, other.url, None), "ws://echo.test/")
        assert bad.url.rpartition("/")[2] in str(caught.value)
        assert not other.requests


@pytest.mark.parametrize(("reply", "goes_on"), [(1, True), (4, True), (5, True), (2, False)])
async def test_socks(reply: int, goes_on: bool) -> None:
    """A SOCKS proxy that cannot connect is passed over, one whose rules forbid it is not."""
    async with open_echo_server() as echo, open_socks_proxy(script=[Fail(reply=reply)]) as bad:
        way = Failover(bad.url_for("socks5h"), None)
        if goes_on:
            assert await hops(way, echo.url) == []
        else:
            with pytest.raises(ProxyRejected):
                await hops(way, echo.url)


async def test_direct_only_if_listed() -> None:
    """Where all have failed, nothing else is tried; the error tells of all."""
    async with open_echo_server() as echo:
        other = f"socks5h://127.0.0.1:{DEAD_PORT}"
        with pytest.raises(ProxyUnreachable) as caught:
            await hops(Failover(DEAD, other), echo.url)
        said = str(caught.value)
        assert said.index(f"proxy {other}") < said.index(f"tried before: proxy {DEAD}")
        assert "Connection refused" in said
        assert not echo.requests
        assert await hops(Failover(DEAD, other, None), echo.url) == []


async def test_direct_first() -> None:
    """A direct connection whose server is not there leaves the proxy a chance, every time anew."""
    async with (
        open_echo_server() as echo,
        open_http_proxy(resolve={"far.test": echo.host}) as proxy,
    ):
        way = Failover(None, proxy.url)

        class Nobody(trio.abc.HostnameResolver):
            async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
                raise OSError(-2, "Name or service not known")

            async def getnameinfo(self, *_: Any) -> Any:
                raise NotImplementedError

        trio.socket.set_custom_hostname_resolver(Nobody())
        for _ in range(2):
            async with open_websocket_url(f"ws://far.test:{echo.port}/", proxy=way) as ws:
                assert ws.route is not None
                assert [look.value for look in ws.route.tried] == [None]
                assert ws.route.tried[0].place == "DIRECT"
        assert await hops(way, echo.url) == []


async def test_report() -> None:
    """The report shows which were tried and why they failed, in all its forms."""
    async with open_echo_server() as echo:
        async with open_websocket_url(echo.url, proxy=Failover(DEAD, None)) as ws:
            report = ws.dial_report
        assert report is not None
        (tried,) = report.as_dict()["tried"]
        assert tried.startswith(f"{DEAD}: proxy {DEAD} (from argument proxy=) cannot be reached")
        assert f"tried before: {DEAD}" in str(report)
        assert (report.stages[0].name, report.stages[0].ok) == ("tcp", False)
        assert report.route is not None
        assert report.route.alternatives == ()  # no other is left


async def test_bad_ones_go_to_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """A bad proxy is tried last for five minutes, and first again after that."""
    async with open_echo_server() as echo, open_http_proxy(script=[Reset("accept")]) as first:
        async with open_http_proxy() as second:
            way = Failover(first.url, second.url)
            assert await hops(way, echo.url) == [second.url]
            first.script = ()
            route = resolve_proxy(echo.url, proxy=way)
            assert [x.hops[0].url for x in route.alternatives] == [second.url, first.url]
            assert "at the end for another 300 s" in route.explain()
            await trio.sleep(BAD_FOR - 1)
            assert await hops(way, echo.url) == [second.url]
            await trio.sleep(1)
            assert await hops(way, echo.url) == [first.url]


async def test_bad_ones_are_tried_at_last() -> None:
    """One at the end is still tried when the others fail, and is good again when it works."""
    async with open_echo_server() as echo, open_http_proxy(script=[Reset("accept")]) as first:
        async with open_http_proxy() as second:
            way = Failover(first.url, second.url)
            assert await hops(way, echo.url) == [second.url]
            first.script, second.script = (), [Reset("accept")]
            assert await hops(way, echo.url) == [first.url]
            second.script = ()
            assert await hops(way, echo.url) == [first.url]


async def test_a_dead_server_is_not_the_proxys_fault() -> None:
    """A proxy that answered 502 for one server is at the end for that server alone."""
    async with open_echo_server() as echo, open_http_proxy() as first:
        async with open_http_proxy(resolve={"only.test": echo.host}) as second:
            way = Failover(first.url, second.url)
            assert await hops(way, f"ws://only.test:{echo.port}/") == [second.url]
            assert await hops(way, echo.url) == [first.url]


async def test_slow_ones_have_a_share(autojump_clock: trio.testing.MockClock) -> None:
    """A silent proxy gets its share of the time and no more; the last one all that is left."""
    async with open_echo_server() as echo, open_http_proxy(script=[Stall("reply")]) as slow:
        began = trio.current_time()
        assert await hops(Failover(slow.url, None), echo.url) == []
        assert trio.current_time() - began == pytest.approx(PATIENCE, abs=1)
    async with open_http_proxy(script=[Stall("reply")]) as one:
        async with open_http_proxy(script=[Stall("reply")]) as two:
            began = trio.current_time()
            with pytest.raises(ConnectionTimeout) as caught:
                async with open_websocket_url(
                    "ws://echo.test/", proxy=Failover(one.url, two.url), connect_timeout=9
                ):
                    pass
            assert trio.current_time() - began == pytest.approx(9, abs=0.1)
            assert one.requests
            assert two.requests
            assert f"(tried before: {one.url} took longer than 4.5 s" in str(caught.value)
            report = caught.value.dial_report
            assert report.as_dict()["tried"][0].startswith(
                f"{one.url}: {one.url} took longer than 4.5 s"
            )


async def test_nested() -> None:
    """An alternative may be a chain, a Failover, or the system's settings."""
    async with open_echo_server() as echo, open_http_proxy() as near, open_http_proxy() as far:
        way = Failover(Failover(DEAD, [DEAD, far.url]), [near.url, far.url], True)
        assert await hops(way, echo.url) == [near.url, far.url]
        assert await hops(Failover(DEAD, True), echo.url) == []


async def test_dialer() -> None:
    """open_tcp_stream goes by the same rule."""
    async with open_echo_server() as echo, open_http_proxy() as proxy:
        stream = await open_tcp_stream(echo.host, echo.port, proxy=Failover(DEAD, proxy.url))
        await stream.aclose()
        assert [request.authority for request in proxy.requests] == [f"{echo.host}:{echo.port}"]


async def test_reconnecting(autojump_clock: trio.testing.MockClock) -> None:
    """The loop goes on with the next one, and begins at the head when the five minutes are over."""
    taken = []
    async with open_echo_server() as echo, open_http_proxy(script=[Reset("accept")]) as first:
        async with open_http_proxy() as second:
            way = Failover(first.url, second.url)
            async with reconnecting_websocket_url(echo.url, proxy=way) as connections:
                async for ws in connections:
                    assert ws.route is not None
                    taken.append(ws.route.hops[0].url)
                    first.script = ()
                    if len(taken) == 4:
                        break
                    if len(taken) == 2:
                        await trio.sleep(BAD_FOR)
            assert taken == [second.url, second.url, first.url, first.url]


async def test_cancelled() -> None:
    """A cancelled dial leaves nothing behind, whichever alternative it was at."""
    async with open_http_proxy(script=[Stall("reply")]) as slow, trio.open_nursery() as nursery:
        nursery.start_soon(hops, Failover(DEAD, slow.url, None), "ws://echo.test/")
        await slow.wait_for("request")
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await slow.wait_for("close")


def test_values() -> None:
    """A Failover compares, hides passwords, is frozen, and has one alternative at least."""
    way = Failover("http://ada:sEcReT@p:1", ["http://x:sEcReT@q"], PAC("http://u:sEcReT@w/p"), None)
    assert way == Failover(*way.alternatives)
    assert "sEcReT" not in repr(way)
    with pytest.raises(AttributeError):
        way.alternatives = ()
    with pytest.raises(ProxyConfigError, match="one alternative"):
        Failover()


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        ("gopher://p", ProxyConfigError, "alternative 2: proxy URL scheme 'gopher'"),
        ("http://", ProxyConfigError, "alternative 2: "),
        ("http:/p", ProxyConfigError, "alternative 2: "),
        ("DIRECT", ProxyConfigError, "alternative 2: 'direct' names no proxy; .* give None"),
        ("PROXY p:80", ProxyConfigError, "this is what a PAC file says"),
        ("http://wpad/p.pac", ProxyConfigError, r"in a program as proxy=PAC\(…\)"),
        ("", ProxyConfigError, "alternative 2: the proxy URL is empty"),
        (["a", "gopher://p"], ProxyConfigError, "alternative 2, hop 2: proxy URL scheme 'gopher'"),
        ([], ProxyConfigError, "alternative 2: the chain is empty; .* give None"),
        (5, TypeError, "alternative 2 takes True, None, .*, not int$"),
        (False, TypeError, "alternative 2 takes .*, not bool; use None for a direct connection"),
        (b"http://p", TypeError, "not bytes$"),
        (["a", PAC("/p")], TypeError, "a chain is made of .*, not of a PAC; put the chains into"),
        (["a", Failover(None)], TypeError, "not of a Failover; put the chains into a Failover"),
        ([5], TypeError, "alternative 2, hop 1: "),
    ],
)
def test_malformed(bad: Any, error: type[Exception], says: str) -> None:
    """An alternative that is malformed is told where the Failover is made, with its number."""
    with pytest.raises(error, match=says):
        Failover("http://p", bad)


def test_proxies_are_not_mixed_up() -> None:
    """What has several ways in it is no hop of a chain."""
    for several in (PAC("/p"), Failover(None)):
        with pytest.raises(TypeError, match="a chain is made of"):
            resolve_proxy("ws://h", proxy=["http://p", several])  # type: ignore[list-item]


async def test_the_same_way_twice() -> None:
    """A way that is listed twice is tried once."""
    async with open_http_proxy(script=[Fail(502)]) as proxy:
        with pytest.raises(ProxyRejected) as caught:
            await hops(Failover(proxy.url, Failover(proxy.url), [proxy.url]), "ws://echo.test/")
        assert "tried before" not in str(caught.value)
        assert len(proxy.requests) == 1
    route = resolve_proxy("ws://h", proxy=Failover("http://p", None, "http://p:80", None))
    assert [way.way for way in route.alternatives] == ["http://p:80", "DIRECT"]


@pytest.mark.parametrize(
    ("way", "says"),
    [
        (Failover("http://p"), "but proxy= is http://p:80"),
        (Failover("http://p", ["http://a", "socks5h://b"], None), "http://p:80, or http://a:80, s"),
        (None, "a direct connection"),
    ],
    ids=range(3),
)
async def test_context_that_nothing_uses(way: Any, says: str) -> None:
    """A context for https:// proxies is refused where no alternative has one, and nothing is dialed."""
    context = ssl.create_default_context()
    with pytest.raises(ValueError, match=f"proxy_ssl_context .* needs an https:// proxy.*{says}"):
        async with open_websocket_url("ws://echo.test", proxy=way, proxy_ssl_context=context):
            pass


@pytest.mark.parametrize("at", [0, 1])
async def test_context(at: int) -> None:
    """A context for https:// proxies is used by the alternative that needs it."""
    ours = Certificates()
    async with (
        open_echo_server() as echo,
        open_http_proxy(ssl_context=ours.server_context("127.0.0.1")) as proxy,
    ):
        ways = [DEAD]
        ways.insert(at, f"https://127.0.0.1:{proxy.port}")
        async with open_websocket_url(
            echo.url, proxy=Failover(*ways), proxy_ssl_context=ours.client_context()
        ) as ws:
            assert ws.route is not None
            assert ws.route.hops[0].port == proxy.port
        for way in (Failover(True), Failover(None, True), Failover(PAC("/p"), None)):
            with suppress(ProxyConfigError):  # there may be no engine
                async with open_websocket_url(
                    echo.url, proxy=way, proxy_ssl_context=ours.client_context()
                ):
                    pass


async def test_credentials() -> None:
    """Each alternative has its own credentials, and proxy_auth= is for those without."""
    async with (
        open_echo_server() as echo,
        open_http_proxy(credentials=("ada", "pw")) as proxy,
    ):
        bare = proxy.url_for()
        mine = Proxy(bare, auth=BasicAuth("ada", "pw"))
        assert await hops(Failover(DEAD, mine), echo.url) == [bare]
        url = proxy.url
        assert await hops(Failover(DEAD, url), echo.url) == [url.replace(":pw@", ":***@")]
        async with open_websocket_url(
            echo.url, proxy=Failover(DEAD, bare), proxy_auth=BasicAuth("ada", "pw")
        ) as ws:
            assert ws.route is not None
        with pytest.raises(ProxyAuthenticationError):
            await hops(Failover(DEAD, bare, None), echo.url)


async def test_all_are_bad(autojump_clock: trio.testing.MockClock) -> None:
    """Where all have failed lately, all are tried, the one that failed first before the others."""
    async with open_http_proxy(script=[Reset("accept")]) as one:
        async with open_http_proxy(script=[Reset("accept")]) as two, open_echo_server() as echo:
            way = Failover(one.url, two.url)
            for _ in range(3):
                with pytest.raises(ProxyError, match="tried before"):
                    await hops(way, echo.url)
                await trio.sleep(1)
            first, second = resolve_proxy(echo.url, proxy=way).alternatives
            assert [first.way, second.way] == [one.url, two.url]
            two.script = ()
            assert await hops(way, echo.url) == [two.url]


async def test_time_is_over_already(autojump_clock: trio.testing.MockClock) -> None:
    """A dial whose time is over, or that is cancelled, ends so, however many alternatives there are."""
    with pytest.raises(ConnectionTimeout):
        async with open_websocket_url(
            "ws://echo.test", proxy=Failover(DEAD, None), connect_timeout=0
        ):
            pass
    with trio.CancelScope() as scope:
        scope.cancel()
        await open_tcp_stream("echo.test", 80, proxy=Failover(DEAD, None))
    assert scope.cancelled_caught


async def test_one_way() -> None:
    """One alternative is as good as the thing itself."""
    with pytest.raises(ProxyUnreachable) as caught:
        await hops(Failover(DEAD), "ws://echo.test/")
    assert "tried before" not in str(caught.value)


# --- PAC ---------------------------------------------------------------------------------


@pytest.fixture
def engine() -> None:
    """Skip where there is no engine."""
    pytest.importorskip("quickjs")


def script(answer: str) -> PAC:
    """A script that always answers this."""
    return PAC(f'function FindProxyForURL(url, host) {{ return "{answer}"; }}')


def element(proxy: ProxyServer) -> str:
    """What a script calls a proxy."""
    return f"PROXY {proxy.host}:{proxy.port}"


@pytest.mark.usefixtures("engine")
class TestPAC:
    async def test_through(self) -> None:
        """A connection goes through the proxy that the script names; source and report tell so."""
        async with open_echo_server() as echo, open_http_proxy() as proxy:
            async with open_websocket_url(echo.url, proxy=script(element(proxy))) as ws:
                assert ws.route is not None
                assert ws.route.source == "PAC script (given as text)"
                assert [hop.url for hop in ws.route.hops] == [proxy.url]
                assert ws.dial_report is not None
                stage = ws.dial_report.stages[0]
                assert (stage.name, stage.ok, stage.details["answer"]) == (
                    "pac",
                    True,
                    element(proxy),
                )

    async def test_list(self) -> None:
        """The list that it answers is a Failover: the dead are passed over, DIRECT is listed."""
        async with open_echo_server() as echo:
            assert await hops(script(f"PROXY 127.0.0.1:{DEAD_PORT}; DIRECT"), echo.url) == []
            with pytest.raises(ProxyUnreachable, match="from PAC script"):
                await hops(script(f"PROXY 127.0.0.1:{DEAD_PORT}"), echo.url)

    async def test_inside_failover(self) -> None:
        """A script that fails is an error, unless a Failover lists something else."""
        bad = PAC("function FindProxyForURL() { throw 1; }")
        async with open_echo_server() as echo:
            with pytest.raises(ProxyConfigError, match="failed: 1"):
                await hops(bad, echo.url)
            assert not echo.requests
            async with open_websocket_url(echo.url, proxy=Failover(bad, None)) as ws:
                assert ws.route is not None
                assert "failed: 1" in str(ws.route.tried[0])
            with pytest.raises(ProxyConfigError, match=f"tried before: proxy {DEAD}"):
                await hops(Failover(DEAD, bad), echo.url)

    async def test_is_not_asked_while_another_works(self) -> None:
        """A script behind a proxy that works is neither loaded nor run."""
        async with open_echo_server() as echo, open_http_proxy() as proxy:
            way = Failover(proxy.url, PAC(f"{DEAD}/proxy.pac"))
            assert await hops(way, echo.url) == [proxy.url]

    async def test_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        """TRIO_WSPROXY_PAC counts where no variable names a proxy, behind the bypass rules."""
        path = tmp_path / "proxy.pac"
        async with (
            open_echo_server() as echo,
            open_http_proxy(resolve={"echo.test": echo.host}) as proxy,
        ):
            path.write_text(script(element(proxy)).source)
            monkeypatch.setenv("TRIO_WSPROXY_PAC", path.as_uri())
            assert await hops(True, URL.format(port=echo.port)) == [proxy.url]
            assert await hops(True, echo.url) == []  # loopback
            monkeypatch.setenv("ws_proxy", DEAD)
            with pytest.raises(ProxyUnreachable, match="ws_proxy"):
                await hops(True, URL.format(port=echo.port))

    async def test_explain(self) -> None:
        """explain() shows answer, names, time, alternatives, and which would be tried."""
        pac = PAC(
            "function FindProxyForURL(url, host) {\n"
            '  return isInNet("127.0.0.7", "127.0.0.0", "255.0.0.0") && isResolvable("localhost")\n'
            '    ? "PROXY 127.0.0.1:9; FOO; DIRECT" : "DIRECT"; }'
        )
        route = await resolve_proxy_async("wss://echo.test/x?token=1", proxy=pac)
        told = route.explain()
        assert "asked about wss://echo.test/\n" in told
        assert "name localhost: 127.0.0.1" in told
        assert "= 'PROXY 127.0.0.1:9; FOO; DIRECT': its answer, after " in told
        assert " ms and 2 runs" in told
        assert "passed over: 'FOO' is no kind of proxy" in told
        assert "alternative 1 of 2 = 'http://127.0.0.1:9': would be tried first" in told
        assert "alternative 2 of 2 = 'DIRECT': would be tried if those before it fail" in told
        assert "token" not in told
        assert len(route.notes) == 1

    async def test_the_same_proxy(self) -> None:
        """What has failed in this dial is not tried again because a script names it, too."""
        async with open_echo_server() as echo, open_http_proxy(script=[Fail(502)]) as proxy:
            way = Failover(proxy.url, script(f"{element(proxy)}; DIRECT"))
            assert await hops(way, echo.url) == []
            assert len(proxy.requests) == 1

    async def test_report_of_a_failure(self) -> None:
        """Where no script has named the way, the report does not draw one."""
        with pytest.raises(ProxyConfigError) as caught:
            await hops(PAC("/nowhere"), "ws://echo.test/")
        told = str(caught.value.dial_report)
        assert "client ─?→ echo.test:80" in told
        assert "! pac" in told

    async def test_explain_in_failover(self) -> None:
        """A script that fails is told in the explanation, with what else there is."""
        bad = PAC("function FindProxyForURL() { throw 1; }")
        route = await resolve_proxy_async("wss://echo.test", proxy=Failover(bad, "http://p"))
        assert [hop.url for hop in route.hops] == ["http://p:80"]
        assert "failed: 1" in route.explain()
        with pytest.raises(ProxyConfigError, match="failed: 1"):
            await resolve_proxy_async("wss://echo.test", proxy=bad)

    def test_resolve_proxy_says_what_to_use(self) -> None:
        """The function that cannot wait says which one can."""
        for way in (script("DIRECT"), Failover(script("DIRECT"), None)):
            with pytest.raises(ProxyConfigError, match="await resolve_proxy_async"):
                resolve_proxy("wss://echo.test", proxy=way)
        with pytest.raises(ProxyConfigError, match="TRIO_WSPROXY_PAC"):
            resolve_proxy("wss://echo.test", environ={"TRIO_WSPROXY_PAC": "http://wpad/p"})

    async def test_the_loop_ticks_on(self) -> None:
        """While a script loops, other tasks run; its end is an error that says so."""
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await trio.sleep(0.01)
                ticks += 1

        loop = PAC("function FindProxyForURL() { for (;;) {} }")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            with pytest.raises(ProxyConfigError, match="did not end in time"):
                await hops(loop, "ws://echo.test/")
            nursery.cancel_scope.cancel()
        assert ticks > 10

    async def test_deadline(self) -> None:
        """The deadline of the dial counts, and says what was waited for."""
        loop = PAC("function FindProxyForURL() { for (;;) {} }")
        with pytest.raises(ConnectionTimeout, match=r"the PAC script \(given as text\)"):
            async with open_websocket_url("ws://echo.test/", proxy=loop, connect_timeout=0.05):
                pass


@pytest.mark.usefixtures("engine")
async def test_silent_source(autojump_clock: trio.testing.MockClock) -> None:
    """A script that does not come has its share of the time, and is asked last for five minutes."""
    asked = 0

    async def silent(stream: trio.abc.Stream) -> None:
        nonlocal asked
        asked += 1
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await trio.sleep(1)
            await stream.send_all(b" ")

    async with open_echo_server() as echo, open_tcp_server(silent) as server:
        way = Failover(PAC(f"http://127.0.0.1:{server.port}/p"), None)
        began = trio.current_time()
        async with open_websocket_url(echo.url, proxy=way, connect_timeout=10) as ws:
            assert trio.current_time() - began == pytest.approx(5, abs=0.5)
            assert ws.route is not None
            assert "took longer than 5.0 s; was waiting for the PAC script http://" in str(
                ws.route.tried[0]
            )
        assert await hops(way, echo.url) == []
        assert asked == 1
        await trio.sleep(BAD_FOR)
        assert await hops(way, echo.url) == []
        assert asked == 2


@pytest.mark.usefixtures("engine")
async def test_silent_source_of_the_desktop(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a desktop's settings have beside a script that does not come has its share of the time, too."""

    async def silent(_stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    async with open_echo_server() as echo, open_tcp_server(silent) as server:
        direct = resolve_proxy(echo.url, proxy=None)
        question = Question(
            PAC(f"http://127.0.0.1:{server.port}/p"), "a test", direct, instead=direct
        )
        monkeypatch.setattr(_way, "steps_to", lambda *_: [question])
        began = trio.current_time()
        async with open_websocket_url(echo.url, connect_timeout=8) as ws:
            assert ws.route is not None
            assert ws.route.hops == ()
        assert trio.current_time() - began == pytest.approx(4, abs=0.5)


def test_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says how to get it."""
    monkeypatch.setattr(_pac, "engine_is_there", lambda: False)
    with pytest.raises(ProxyConfigError, match="pip install quickjs-ng, or name the proxy"):
        trio.run(hops, script("DIRECT"), "ws://echo.test/")


def test_errors_go_on_being_what_they_are() -> None:
    """What is caught elsewhere can be caught here: the classes are those of a single proxy."""
    assert issubclass(ServerUnreachable, OSError)
    assert issubclass(ConnectionLost, trio.BrokenResourceError)


@pytest.mark.usefixtures("engine")
async def test_schemes_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRIO_WSPROXY_AUTH is for what the system's script names, and not for what a program's does."""
    text = 'function FindProxyForURL(url, host) { return "PROXY p:1; SOCKS5 q:2; DIRECT"; }'
    monkeypatch.setenv("TRIO_WSPROXY_AUTH", "negotiate")
    route = await resolve_proxy_async("wss://echo.test", proxy=PAC(text))
    assert [hop.auth for way in route.alternatives for hop in way.hops] == [(), ()]
    monkeypatch.setenv("TRIO_WSPROXY_PAC", text)
    route = await resolve_proxy_async("wss://echo.test")
    assert [hop.auth for way in route.alternatives for hop in way.hops] == [("negotiate",), ()]
    assert "TRIO_WSPROXY_AUTH = 'negotiate'" in route.explain()


@pytest.mark.usefixtures("engine")
async def test_schemes_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong in TRIO_WSPROXY_AUTH matters where the script names an HTTP proxy."""
    monkeypatch.setenv("TRIO_WSPROXY_AUTH", "kerberos")
    for answer in ("DIRECT", "SOCKS5 q:2"):
        monkeypatch.setenv("TRIO_WSPROXY_PAC", script(answer).source)
        await resolve_proxy_async("wss://echo.test")
    monkeypatch.setenv("TRIO_WSPROXY_PAC", script("PROXY p:1").source)
    for opened in (resolve_proxy_async("wss://echo.test"), open_tcp_stream("echo.test", 1)):
        with pytest.raises(ProxyConfigError, match=r"TRIO_WSPROXY_AUTH: 'kerberos' is no scheme"):
            await opened
