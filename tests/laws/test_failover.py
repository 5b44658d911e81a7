"""Fail-over and PAC under torture: cancelled at each checkpoint, in several threads, with bad scripts."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
import trio
import trio.testing
from _left import open_sockets
from _peer import CancelAtStep

from trio_wsproxy import PAC, Failover, ProxyConfigError, open_websocket_url, resolve_proxy_async
from trio_wsproxy._threads import Workers
from trio_wsproxy.testing import (
    Fail,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

pytest.importorskip("quickjs")


class Web:
    """A server of HTTP that has one script."""

    def __init__(self, script: str) -> None:
        self.script = script

    async def __call__(self, stream: trio.abc.Stream) -> None:
        """Answer a request."""
        await stream.receive_some()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.script)}\r\n\r\n"
        await stream.send_all((head + self.script).encode())


async def test_cancelled_anywhere() -> None:
    """A dial that loads a script, looks a name up and tries three ways leaves nothing where it is cancelled."""
    async with (
        open_echo_server() as echo,
        open_http_proxy(script=[Fail(502)]) as first,
        open_socks_proxy(script=[Fail(reply=5)]) as second,
        open_http_proxy() as third,
    ):
        web = Web(
            "function FindProxyForURL(url, host) { dnsResolve('127.0.0.1'); dnsResolve('localhost');"
            f"return 'PROXY {first.authority}; SOCKS5 {second.authority}; PROXY {third.authority}'; }}"
        )
        async with open_tcp_server(web) as server:
            source = f"http://127.0.0.1:{server.port}/p"
            nurseries = len(trio.lowlevel.current_task().child_nurseries)
            for steps in itertools.count():
                # A source of its own each time: else nothing would be loaded.
                way = Failover(PAC(f"{source}?{steps}"), None)
                before = open_sockets()
                with trio.CancelScope() as scope:
                    instrument = CancelAtStep(scope, steps)
                    trio.lowlevel.add_instrument(instrument)
                    try:
                        async with open_websocket_url(echo.url, proxy=way):
                            break
                    finally:
                        trio.lowlevel.remove_instrument(instrument)
                assert scope.cancelled_caught
                assert not trio.lowlevel.current_task().child_nurseries[nurseries:]
                with trio.fail_after(30):
                    while not open_sockets() <= before:  # the servers' ends follow
                        await trio.testing.wait_all_tasks_blocked(0.001)
            assert steps > 10


def test_two_programs() -> None:
    """Programs in threads of their own each have their own scripts, threads and bad proxies."""
    found: list[Any] = []
    both = threading.Barrier(2, timeout=60)

    async def program(number: int) -> None:
        pac = PAC(f"function FindProxyForURL(url, host) {{ return 'PROXY p{number}:1'; }}")
        for _ in range(3):
            both.wait()  # a run of the one goes on while the other's does
            route = await resolve_proxy_async("wss://echo.test", proxy=pac)
            found.append((number, route.way))

    threads = [threading.Thread(target=trio.run, args=(program, number)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(1, "http://p1:1")] * 3 + [(2, "http://p2:1")] * 3


HOSTILE = [
    "for (;;) {}",
    "for (;;) { try { for (;;) {} } catch (e) {} }",
    "var s = 'x'; for (;;) s += s;",
    "var a = []; for (;;) a.push([1, 2, 3]);",
    "return new Uint8Array(1e9).length + ''",
    "(function f() { f(); })()",
    "return JSON.parse('['.repeat(1e6)) + ''",
    "return new Proxy({}, { get() { throw 1; } }) + ''",
    "return new Proxy({}, { get() { for (;;) {} } }) + ''",
    "throw 'x'.repeat(1e7)",
    "return 'x'.repeat(1e7)",
    "return 'PROXY a:1;'.repeat(1e4) + 'x'.repeat(1e5)",
    "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
    "return Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)",
    "for (var i = 0; i < 100; i++) dnsResolve('192.0.2.' + i + '.x'.repeat(99))",
    "return dnsResolve('x'.repeat(1e7))",
    "for (;;) alert('x'.repeat(1000))",
    "alert({ toString() { for (;;) {} } })",
    "return Symbol()",
    "return Promise.resolve('DIRECT')",
    "return { toString() { return 'DIRECT'; } }",
    "Array.prototype.toJSON = function () { return 'x'; }; throw 1",
    "return 'DIRECTLY'",
    "return '\\u0000'",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_scripts(body: str) -> None:
    """A script that means ill is an error with source and remedy; meanwhile the event loop ticks on."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.sleep(0.001)
            ticks += 1

    pac = PAC(f"function FindProxyForURL(url, host) {{ {body} }}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        with pytest.raises(ProxyConfigError) as caught:
            await resolve_proxy_async("wss://echo.test", proxy=pac)
        nursery.cancel_scope.cancel()
    said = str(caught.value)
    assert said.startswith("argument proxy=: the PAC script (given as text) ")
    assert "; " in said
    assert len(said) < 1000
    assert ticks > 0


async def test_an_event_loop_is_never_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run is in a thread of its own, of which there are so many and no more."""
    begun, most = [], 0
    run = Workers.run

    async def counted(self: Any, call: Any, **options: Any) -> Any:
        nonlocal most
        here = threading.get_ident()

        def noted() -> Any:
            nonlocal most
            assert threading.get_ident() != here
            begun.append(1)
            most = max(most, len(begun))
            try:
                return call()
            finally:
                begun.pop()

        return await run(self, noted, **options)

    monkeypatch.setattr(Workers, "run", counted)
    pac = PAC(
        "function FindProxyForURL(url, host) { for (var i = 0; i < 1e5; i++); return 'DIRECT'; }"
    )
    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(lambda: resolve_proxy_async("wss://echo.test", proxy=pac))
    assert 1 <= most <= 2
