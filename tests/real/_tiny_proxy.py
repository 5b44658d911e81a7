"""Runs one tiny-proxy listener per kind of proxy and prints their ports, one JSON object.

tiny-proxy is a library without a command; this is the command, and ``_proxies.py`` starts it.
For every tunnel it prints a line ``TUNNEL kind host port``: tiny-proxy's own log tells what
was asked for, but whether it came to a tunnel only later, if at all.
"""

import importlib
import json
import logging
import sys
from typing import Any

import anyio
import anyio.abc

tiny_proxy: Any = importlib.import_module("tiny_proxy")  # it has no type annotations
HttpProxyHandler = tiny_proxy.HttpProxyHandler
Socks4ProxyHandler = tiny_proxy.Socks4ProxyHandler
Socks5ProxyHandler = tiny_proxy.Socks5ProxyHandler

HANDLERS: dict[str, Any] = {
    "http": HttpProxyHandler(),
    # ASCII: this handler reads Basic credentials as Latin-1.
    "http-auth": HttpProxyHandler("alice", "s3cret"),
    "socks4": Socks4ProxyHandler(),
    "socks4-userid": Socks4ProxyHandler("alice"),
    "socks5": Socks5ProxyHandler(),
    "socks5-auth": Socks5ProxyHandler("jürgen", "päss:wörd"),
}


def print_line(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def print_tunnels(kind: str, handler: Any) -> None:
    """Have ``handler`` print a line for each tunnel it has opened."""
    create_proxy = handler.create_proxy

    def create_printing_proxy(stream: Any) -> Any:
        proxy = create_proxy(stream)
        negotiate, connect_to_remote = proxy.negotiate, proxy.connect_to_remote
        target: list[Any] = []

        async def remember_target() -> tuple[str, int]:
            target[:] = await negotiate()
            return target[0], target[1]

        async def print_success() -> Any:
            remote = await connect_to_remote()
            print_line("TUNNEL", kind, *target)
            return remote

        proxy.negotiate, proxy.connect_to_remote = remember_target, print_success
        return proxy

    handler.create_proxy = create_printing_proxy


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    ports = {}
    async with anyio.create_task_group() as group:
        for kind, handler in HANDLERS.items():
            print_tunnels(kind, handler)
            listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
            ports[kind] = listener.extra(anyio.abc.SocketAttribute.local_port)
            group.start_soon(listener.serve, handler.handle)
        print_line(json.dumps(ports))


if __name__ == "__main__":
    anyio.run(main)
