"""A network of one peer for the client's functions, and what must be left behind: nothing."""

# ruff: noqa: PT012  # the block of pytest.raises needs two levels here

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trio
from _peer import Peer
from wsproto.events import CloseConnection

from trio_wsproxy import Route
from trio_wsproxy._report._stages import StageLog
from trio_wsproxy._transport import DialOptions

URL = "ws://example.org/chat"


class Network:
    """Where dialing gives the one peer that there is."""

    def __init__(self) -> None:
        self.peer = Peer(handshake=True)
        self.routes: list[Route] = []
        self.contexts: list[ssl.SSLContext | None] = []
        self.offers: list[tuple[str, ...]] = []  # of ALPN, by default contexts
        self.options: DialOptions | None = None
        self.stall = False

    async def dial(
        self,
        route: Route,
        options: DialOptions,
        log: StageLog,
        *,
        ssl_context: ssl.SSLContext | None = None,
        alpn: tuple[str, ...] = (),
        immediate: bool = False,  # noqa: ARG002  # as the dialer has it
    ) -> trio.abc.Stream:
        """Stand in for the dialer."""
        self.options = options
        self.routes.append(route)
        self.contexts.append(ssl_context)
        self.offers.append(alpn)
        waiting_for = "the TCP connection to the server example.org:80"
        with log.stage("tcp", None, "example.org:80", waiting_for):
            await trio.lowlevel.checkpoint()
            if self.stall:
                await trio.sleep_forever()
        return self.peer.stream

    def replace_peer(self, **options: Any) -> Peer:
        """Let the next call reach another peer."""
        self.peer = Peer(handshake=True, **options)
        return self.peer


async def be_good(peer: Peer) -> None:
    """Do the server's part of the closing handshake."""
    while not peer.stream.closed:
        await peer.stream.wait_for_write()
        for event in peer.heard():
            if isinstance(event, CloseConnection):
                peer.say(event.response())
                peer.hang_up()


def our_tasks() -> list[str]:
    """Find all tasks that run code of ours."""
    found = []
    pending = [trio.lowlevel.current_root_task()]
    while pending:
        task = pending.pop()
        assert task is not None
        if task.name.startswith("trio_wsproxy."):
            found.append(task.name)
        pending += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


def assert_nothing_left(peer: Peer) -> None:
    """No task of ours is left, and no stream."""
    assert our_tasks() == []
    assert peer.stream.closed


class UserError(Exception):
    """An exception of the user's."""


def with_a_history(error: BaseException) -> BaseException:
    """Let an exception be raised while another one is handled."""
    with pytest.raises(type(error)):
        try:
            dict[str, int]()["before"]
        except LookupError:
            raise error  # noqa: B904
    assert isinstance(error.__context__, LookupError)
    return error
