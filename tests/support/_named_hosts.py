"""The hosts that the documentation's examples name, as servers of this process.

``example.org`` echoes over TLS, ``proxy.corp`` is an HTTP proxy with TLS and without, ``gateway.example`` a
SOCKS proxy behind it. Names and ports are those of the examples; where they lead is what the resolver and
the proxies here say, so nothing listens on a port of its own, and nobody else is asked.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_wsproxy._transport import _dialer, _names
from trio_wsproxy.testing import (
    EchoServer,
    ProxyServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)

HERE = "127.0.0.1"


class Resolver(trio.abc.HostnameResolver):
    """Where a host and a port lead."""

    def __init__(self) -> None:
        self.ports: dict[tuple[str, int], int] = {}

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        if name == "localhost":
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (HERE, port))]
        if (name, port) in self.ports:
            return self._address(name, port)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError

    def numeric(self, host: str, port: int) -> list[Any]:
        """What stands for an address, which nobody looks up."""
        found = _names.numeric_address(host, port)
        return self._address(host, port) if found and (host, port) in self.ports else found

    def _address(self, host: str, port: int) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (HERE, self.ports[host, port]))]


class Hosts:
    """What runs, and its authority's files.

    Attributes:
      folder: Has ``company-ca.pem``, the authority, and ``laptop`` and ``ada``, which it has signed.
      echo: ``wss://example.org``.
      proxy: ``http://proxy.corp:3128``.
      secure_proxy: ``https://proxy.corp``.
      gateway: ``socks5h://gateway.example:1080``, which knows ada alone.

    """

    echo: EchoServer
    proxy: ProxyServer
    secure_proxy: ProxyServer
    gateway: ProxyServer

    def __init__(self, folder: Path) -> None:
        trustme = pytest.importorskip("trustme")
        self._authority = trustme.CA(organization_name="Corp Ltd", organization_unit_name="CA")
        self.folder = folder
        self._authority.cert_pem.write_to_path(folder / "company-ca.pem")
        for name in ("laptop", "ada"):
            signed = self._authority.issue_cert(f"{name}.corp")
            signed.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
            signed.private_key_pem.write_to_path(folder / f"{name}.key")
        self.resolver = Resolver()
        self.known: dict[str, tuple[str, int]] = {}  # by the proxies

    def context(self, name: str) -> ssl.SSLContext:
        """A server's, with a certificate for its name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signed = self._authority.issue_cert(
            name,
            common_name=name,
            organization_name="Corp Ltd",
            organization_unit_name="IT",
        )
        signed.configure_cert(context)
        return context

    def add(self, server: Any, *places: str) -> None:
        """Let hosts with a port lead to a server."""
        for place in places:
            host, _, port = place.rpartition(":")
            self.resolver.ports[host, int(port)] = server.port
            self.known.setdefault(host, (HERE, server.port))


@asynccontextmanager
async def named_hosts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosts]:
    """Run them, and let this process find and trust them, from a folder with their files."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("TRIO_WSPROXY_"):
            monkeypatch.delenv(name)
    hosts = Hosts(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "company-ca.pem"))
    monkeypatch.setattr(_dialer, "numeric_address", hosts.resolver.numeric)
    trio.socket.set_custom_hostname_resolver(hosts.resolver)  # until the end of this trio run

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        hosts.echo = await enter(open_echo_server(ssl_context=hosts.context("example.org")))
        hosts.add(hosts.echo, "example.org:443")
        hosts.add(await enter(open_echo_server()), "internal.corp:8000")
        socks = await enter(open_socks_proxy(resolve=hosts.known))
        hosts.add(socks, "127.0.0.1:1080", "127.0.0.1:9050", "second:1080")
        hosts.gateway = await enter(
            open_socks_proxy(credentials=("ada", "secret"), resolve=hosts.known)
        )
        hosts.add(hosts.gateway, "gateway.example:1080")
        hosts.proxy = await enter(open_http_proxy(resolve=hosts.known))
        hosts.add(hosts.proxy, "proxy.corp:3128", "first:80")
        context = hosts.context("proxy.corp")
        hosts.secure_proxy = await enter(open_http_proxy(ssl_context=context, resolve=hosts.known))
        hosts.add(hosts.secure_proxy, "proxy.corp:443", "10.20.30.40:443")
        yield hosts
