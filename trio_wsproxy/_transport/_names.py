"""From a name to addresses.

A look-up cannot be interrupted: where the name server is silent it takes half a minute, whoever was
waiting for it or not. So look-ups have threads of their own, which keep no other work of the program
from getting one: 40 are waited for at a time, trio's own number, and with those that were given up
there are never more than 256. Beyond that a look-up fails at once, and says so.
"""

from __future__ import annotations

import socket
from typing import Any, TypeAlias

import trio

from trio_wsproxy._threads import Workers

from ._exhausted import check_descriptors

# What getaddrinfo gives: family, type, protocol, canonical name, socket address.
AddressInfo: TypeAlias = tuple[int, int, int, str, Any]

LOOK_UPS = Workers("look-ups", awaited=40, most=256)


def numeric_address(host: str, port: int) -> list[AddressInfo]:
    """Look up a host that is an IP address, which takes no time; empty if it is a name."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    try:
        infos = socket.getaddrinfo(_wire(host), port, type=socket.SOCK_STREAM, flags=flags)
    except OSError:
        return []
    return [*infos]


async def look_up(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[AddressInfo]:
    """Look up the addresses of a name.

    Args:
      host: The name, or an address.
      port: Goes into the addresses.
      family: Of which family they are to be.

    Returns:
      One at least.

    Raises:
      OSError: There are none. Where there is no free descriptor, or no thread, it says so.

    A cancelled call leaves a thread behind until the resolver gives up.

    """
    if _has_resolver():
        infos = await trio.socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        return [*infos]
    return await LOOK_UPS.run(lambda: _addresses(host, port, family))


def _has_resolver() -> bool:
    """Tell whether the program has given trio a resolver of its own, which needs no thread."""
    resolver = trio.socket.set_custom_hostname_resolver(None)  # there is no other way to ask
    trio.socket.set_custom_hostname_resolver(resolver)
    return resolver is not None


def _addresses(host: str, port: int, family: int) -> list[AddressInfo]:
    try:
        return [*socket.getaddrinfo(_wire(host), port, family, socket.SOCK_STREAM)]
    except socket.gaierror:
        check_descriptors()  # a resolver without a socket says that the name is unknown
        raise


def _wire(host: str) -> bytes | str:
    """Names are A-labels here; of text, Python would make them once more, in IDNA 2003."""
    return host.encode() if host.isascii() else host
