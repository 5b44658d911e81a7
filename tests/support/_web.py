"""A real HTTP server in this process: hypercorn, with HTTP/1.1 and HTTP/2, and both client libraries."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.trio import serve

from trio_wsproxy.testing import Certificates, PEMFiles

CHUNK = b"x" * 256 * 1024


class Library(NamedTuple):
    """A client library, and the one below it.

    Attributes:
      core: httpcore or httpcore2.
      client: httpx or httpx2.
      ours: What this package has for them.

    """

    core: Any
    client: Any
    ours: Any


def library(core: str, client: str) -> Any:
    """Import one, for pytest.mark.parametrize."""
    modules = [importlib.import_module(name) for name in (core, client, f"trio_wsproxy.{core}")]
    return pytest.param(Library(*modules), id=client)


LIBRARIES = [library("httpcore", "httpx")]
if sys.version_info >= (3, 11):  # as httpx2 needs it
    LIBRARIES.append(library("httpcore2", "httpx2"))


class WebServer:
    """A running server.

    Its paths: ``/hello`` says how it was asked; ``/stream`` sends two parts, the second one after ``go``;
    ``/upload`` begins to read after ``go`` and says how much came; ``/never`` sends a part and no more.

    Attributes:
      port: Its port on 127.0.0.1.
      secure: Whether it speaks TLS.
      paths: What was asked for, in order.
      go: What ``/stream`` and ``/upload`` wait for.
      gone: Requests whose client has left before the end.

    """

    def __init__(self, *, secure: bool) -> None:
        self.port = 0
        self.secure = secure
        self.paths: list[str] = []
        self.go = trio.Event()
        self.gone = 0

    async def wait_for_gone(self, count: int = 1) -> None:
        """Wait until so many requests have lost their clients."""
        while self.gone < count:
            await trio.testing.wait_all_tasks_blocked()

    @property
    def url(self) -> str:
        """Its URL, without a path."""
        return self.url_for("127.0.0.1")

    def url_for(self, host: str) -> str:
        """Its URL under another name."""
        return f"http{'s' if self.secure else ''}://{host}:{self.port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the beginning and the end of the server itself (ASGI)."""
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        self.paths.append(scope["path"])
        await getattr(self, scope["path"].strip("/"))(scope, receive, send)

    async def hello(self, scope: Any, _: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        said = {"version": scope["http_version"], "path": scope["path"], "headers": headers}
        await answer(send, json.dumps(said).encode())

    async def stream(self, _: Any, __: Any, send: Any) -> None:
        await begin(send)
        await part(send, b"one")
        await self.go.wait()
        await part(send, b"two", last=True)

    async def upload(self, _: Any, receive: Any, send: Any) -> None:
        await self.go.wait()
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await answer(send, str(size).encode())

    async def never(self, _: Any, receive: Any, send: Any) -> None:
        await begin(send)
        await part(send, b"one")
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone += 1


async def begin(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def part(send: Any, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})


async def answer(send: Any, body: bytes) -> None:
    await begin(send)
    await part(send, body, last=True)


@asynccontextmanager
async def open_web_server(
    pem: PEMFiles | None = None, *, unix: Path | None = None
) -> AsyncIterator[WebServer]:
    """Run a server: with a certificate it speaks TLS, and HTTP/2 to whoever offers that."""
    server = WebServer(secure=pem is not None)
    config = Config()
    config.bind = [f"unix:{unix}" if unix else "127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    config.h2_max_concurrent_streams = 1000
    if pem is not None:
        config.certfile, config.keyfile = str(pem.certificate), str(pem.key)
    async with trio.open_nursery() as nursery:
        (bound,) = await nursery.start(partial(serve, server, config))
        if unix is None:
            server.port = int(bound.rpartition(":")[2])
        yield server
        nursery.cancel_scope.cancel()


class Web(NamedTuple):
    """What tests of HTTPS need, made once.

    Attributes:
      certificates: The authority.
      pem: Files for a server called ``web.test``, ``localhost`` or ``127.0.0.1``.

    """

    certificates: Certificates
    pem: PEMFiles


def make_web(directory: Path) -> Web:
    """Make it."""
    certificates = Certificates()
    return Web(
        certificates, certificates.write_pem(directory, "web.test", "localhost", "127.0.0.1")
    )
