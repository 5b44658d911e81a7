"""Between httpx's requests and httpcore's: bodies that end early, exceptions, what is not installed."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpcore
import httpx
import pytest
import trio

from trio_wsproxy import ProxyConfigError, ProxyUnreachable, ServerUnreachable
from trio_wsproxy._exceptions import failed
from trio_wsproxy._failures import Failure, Kind, Topic, words
from trio_wsproxy._httpcore._errors import connecting
from trio_wsproxy._httpcore._httpx import _ERRORS
from trio_wsproxy._httpcore._transport import check_libraries, translated
from trio_wsproxy.httpcore import AsyncHTTPTransport
from trio_wsproxy.testing import open_tcp_server

NAMES = [
    "ConnectError",
    "ConnectTimeout",
    "LocalProtocolError",
    "PoolTimeout",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
]


@pytest.mark.parametrize("name", NAMES)
def test_translated(name: str) -> None:
    """Each exception of httpcore becomes httpx's of that name, also a subclass of somebody's."""
    kind = getattr(httpcore, name)
    for error in (kind("why"), type("Other", (kind,), {})("why")):
        with pytest.raises(getattr(httpx, name), match=r"^why$") as caught:
            with translated(httpcore, httpx):
                raise error
        assert type(caught.value) is getattr(httpx, name)
        assert caught.value.__cause__ is error


def test_our_own_error_is_the_cause() -> None:
    """Where ours is behind it, the cause is ours, also if the pool has raised it "from None"."""
    ours = ProxyUnreachable("why", proxy="http://p", hop=1, stage="tcp")
    error = httpcore.ConnectError("why")
    error.__context__, error.__suppress_context__ = ours, True
    with pytest.raises(httpx.ConnectError) as caught:
        with translated(httpcore, httpx):
            raise error
    assert caught.value.__cause__ is ours


def test_options_are_called_what_httpx_calls_them() -> None:
    """The remedy names verify=, which is what is written there; the cause, ssl_context=."""
    what = words("it is not trusted")
    failure = Failure(
        Kind.UNKNOWN_ISSUER, "server_tls", what, words("{trust}", trust=Topic.TRUST_SERVER)
    )
    ours = failed(ServerUnreachable, failure)
    with pytest.raises(httpx.ConnectError) as caught:
        with translated(httpcore, httpx), connecting(_ERRORS):
            raise ours
    assert caught.value.__cause__ is ours
    assert "ssl_context=" not in str(caught.value)
    assert str(caught.value).startswith(
        "it is not trusted; name the authority's file in SSL_CERT_FILE"
    )
    assert "in verify=ssl.create_default_context(cafile=…)" in str(caught.value)
    assert "in ssl_context=ssl.create_default_context(cafile=…)" in str(ours)


def test_options_at_odds() -> None:
    """So does what is refused before anything is dialed."""
    with pytest.raises(ValueError, match=r"for TLS with the server there is verify$") as caught:
        AsyncHTTPTransport("http://p", proxy_ssl_context=ssl.create_default_context())
    assert caught.value.__cause__ is None
    with pytest.raises(ProxyConfigError, match="htp"):
        AsyncHTTPTransport("htp://p")


@pytest.mark.parametrize("error", [KeyError("x"), httpcore.ConnectionNotAvailable()])
def test_not_translated(error: Exception) -> None:
    """What httpx has no name for, goes up as it is."""
    with pytest.raises(type(error)) as caught:
        with translated(httpcore, httpx):
            raise error
    assert caught.value is error


async def test_rest_of_an_upload_is_closed() -> None:
    """A server that answers before it has read all leaves no generator to the garbage collector."""
    closed = False

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal closed
            try:
                while True:
                    yield b"x" * 64 * 1024
            finally:
                closed = True

    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async with open_tcp_server(refuse) as server:
        async with AsyncHTTPTransport(None) as transport:
            headers = {"Host": "h", "Transfer-Encoding": "chunked"}
            request = httpx.Request("POST", f"http://{server.authority}/", headers=headers)
            request.stream = Body()
            try:
                response = await transport.handle_async_request(request)
            except httpx.TransportError:  # the reset was faster than the answer
                pass
            else:
                assert response.status_code == 413
                await response.aclose()
            assert closed


@pytest.mark.parametrize("name", ["httpcore", "httpx"])
def test_not_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Where a library is missing, the message says what to install: its own name, which PyPI has."""
    for module in [m for m in sys.modules if m.startswith("trio_wsproxy._httpcore._httpx")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "trio_wsproxy.httpcore")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"this needs {name}.*; run: pip install httpx$"):
        import trio_wsproxy.httpcore  # noqa: F401  # the import is what is tested


def test_something_else_is_not_installed() -> None:
    """Another import that fails is not blamed on these."""
    with pytest.raises(ImportError, match=r"^x$"):
        with check_libraries("httpcore", "httpx"):
            raise ImportError("x", name="ssl")


def test_nothing_is_imported_early() -> None:
    """The package itself imports none of these libraries."""
    import subprocess

    code = (
        "import trio_wsproxy, sys; print([m for m in sys.modules if m[:5] in ('httpc', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_names() -> None:
    """The public module has nothing but what it is for."""
    module: Any = sys.modules["trio_wsproxy.httpcore"]
    assert isinstance(module, ModuleType)
    assert set(module.__all__) == {
        "AsyncConnectionPool",
        "AsyncHTTPTransport",
        "AsyncNetworkBackend",
        "AsyncNetworkStream",
    }
