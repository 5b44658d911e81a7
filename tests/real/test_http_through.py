"""HTTP through real proxies: httpx and httpx2 with our transport, a real server, the proxies' own logs.

``test_proxies_with_curl.py`` proves the proxies themselves.
"""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
from _proxies import PROXIES, SQUID_NAME, RealProxies, RealProxy, legs
from _web import CHUNK, LIBRARIES, Library, Web, make_web, open_web_server

from trio_wsproxy import Proxy, ProxyAuthenticationError
from trio_wsproxy.testing import open_counting_relay

pytestmark = pytest.mark.parametrize("library", LIBRARIES)


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """An authority and a server's certificate."""
    return make_web(tmp_path_factory.mktemp("web"))


def hop(proxy: RealProxy, scheme: str | None = None, **url_options: Any) -> Proxy:
    """A real proxy as our client takes it, its TLS trusted."""
    context = ssl.create_default_context(cafile=proxy.ca_pem) if proxy.ca_pem else None
    url = proxy.url(scheme or PROXIES[proxy.name][0][-1], **url_options)
    return Proxy(url, ssl_context=context)


def client(library: Library, web: Web, proxy: Any, *, http2: bool = True) -> Any:
    """A client with our transport, which trusts the test's authority."""
    context = web.certificates.client_context()
    transport = library.ours.AsyncHTTPTransport(proxy, http2=http2, verify=context)
    return library.client.AsyncClient(transport=transport, timeout=30)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [leg for leg in legs() if leg[0].partition("-")[0] in ("squid", "dante", "tinyproxy", "ssh")],
)
async def test_each_proxy(
    real: RealProxies, library: Library, web: Web, name: str, scheme: str
) -> None:
    """Each proxy carries HTTP/2 and a body up and down, and its log shows one tunnel."""
    proxy = real[name]
    async with open_web_server(web.pem) as server:
        server.go.set()
        async with proxy.carries(f"127.0.0.1:{server.port}"):
            async with client(library, web, hop(proxy, scheme)) as c:
                response = await c.get(f"{server.url}/hello")
                assert response.http_version == "HTTP/2"
                response = await c.post(f"{server.url}/upload", content=CHUNK * 4)
                assert response.content == str(4 * len(CHUNK)).encode()


@pytest.mark.parametrize("name", ["squid-auth", "squid-tls", "dante", "dante-auth"])
async def test_plain_http(real: RealProxies, library: Library, web: Web, name: str) -> None:
    """http:// goes through a tunnel, too."""
    proxy = real[name]
    async with open_web_server() as server, proxy.carries(f"127.0.0.1:{server.port}"):
        async with client(library, web, hop(proxy)) as c:
            response = await c.get(f"{server.url}/hello")
            assert response.json()["version"] == "1.1"


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
async def test_chain(real: RealProxies, library: Library, web: Web, http2: bool) -> None:
    """A chain of squid inside TLS, dante with a password and squid with a password carries both."""
    hops = [hop(real[name]) for name in ("squid-tls", "dante-auth", "squid-auth")]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_web_server(web.pem))
        authorities = [*(x.authority for x in hops[1:]), f"127.0.0.1:{server.port}"]
        for name, authority in zip(
            ("squid-tls", "dante-auth", "squid-auth"), authorities, strict=True
        ):
            await stack.enter_async_context(real[name].carries(authority))
        async with client(library, web, hops, http2=http2) as c:
            response = await c.get(f"{server.url}/hello")
            assert response.json()["version"] == ("2" if http2 else "1.1")


async def test_proxy_resolves_the_name(real: RealProxies, library: Library, web: Web) -> None:
    """A name that only squid knows is reached through it."""
    proxy = real["squid"]
    async with open_web_server() as server, proxy.carries(f"{SQUID_NAME}:{server.port}"):
        async with client(library, web, hop(proxy)) as c:
            response = await c.get(f"{server.url_for(SQUID_NAME)}/hello")
            assert response.status_code == 200


@pytest.mark.parametrize("name", ["squid-auth", "squid-tls-auth", "dante-auth"])
async def test_wrong_credentials(real: RealProxies, library: Library, web: Web, name: str) -> None:
    """Wrong credentials are a ProxyError that does not show them."""
    chosen = hop(real[name], credentials=("mallory", "hunter2secret"))
    async with client(library, web, chosen) as c:
        with pytest.raises(library.client.ProxyError) as caught:
            await c.get("https://127.0.0.1:1/")
    assert isinstance(caught.value.__cause__, ProxyAuthenticationError)
    assert "hunter2secret" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("name", ["squid", "dante"])
async def test_concurrent(real: RealProxies, library: Library, web: Web, name: str) -> None:
    """A hundred requests at once go through one tunnel."""
    proxy, statuses = real[name], list[int]()
    async with open_web_server(web.pem) as server, proxy.carries(f"127.0.0.1:{server.port}"):
        async with client(library, web, hop(proxy)) as c:

            async def get() -> None:
                statuses.append((await c.get(f"{server.url}/hello")).status_code)

            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(get)
    assert statuses == [200] * 100


@pytest.mark.parametrize("name", ["squid", "dante"])
async def test_pulled_plug(real: RealProxies, library: Library, web: Web, name: str) -> None:
    """When the way to the proxy breaks in the middle of an answer, the error says so."""
    proxy = real[name]
    async with open_web_server(web.pem) as server:
        async with open_counting_relay("127.0.0.1", proxy.port) as relay:
            way = f"{PROXIES[name][0][-1]}://{relay.authority}"
            async with (
                client(library, web, way) as c,
                c.stream("GET", f"{server.url}/never") as response,
            ):
                parts = response.aiter_raw()
                assert await anext(parts) == b"one"
                relay.kill()
                with pytest.raises(library.client.ReadError, match=relay.authority):
                    await anext(parts)
        await server.wait_for_gone()
