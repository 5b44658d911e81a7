"""What is refused in a universe, for it would lead out of it: processes, whose time is real, and sockets of the system."""

from __future__ import annotations

import socket as stdlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import trio

from ._replacing import replacing


async def _refuse_process(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError(
        "there are no processes in a universe: virtual time would jump past what one does; "
        "hand your program a function to start it with, and let the test give another one"
    )


def _check_family(family: int) -> None:
    """Refuse a socket of the system that may reach others; a pair of them stays in this process."""
    if family in (stdlib.AF_INET, stdlib.AF_INET6):
        raise RuntimeError(
            "this is a socket of the system, which leads out of the universe; trio.socket.socket(), "
            "trio.open_tcp_stream() and trio.open_tcp_listeners() make simulated ones"
        )


@contextmanager
def without_what_is_real() -> Iterator[None]:
    """Let trio make none of that, while the block runs."""
    wrap, wrap_number = trio.socket.from_stdlib_socket, trio.socket.fromfd

    def from_stdlib_socket(sock: stdlib.socket) -> Any:
        _check_family(sock.family)
        return wrap(sock)

    def fromfd(fd: Any, family: Any = stdlib.AF_INET, *args: Any, **kwargs: Any) -> Any:
        _check_family(family)
        return wrap_number(fd, family, *args, **kwargs)

    with replacing(
        (trio, "run_process", _refuse_process),
        (trio.lowlevel, "open_process", _refuse_process),
        (trio.socket, "from_stdlib_socket", from_stdlib_socket),
        (trio.socket, "fromfd", fromfd),
    ):
        yield
