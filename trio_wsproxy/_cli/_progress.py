"""What happens while somebody waits for a connection.

On a terminal one line is rewritten: what is waited for, and for how long. With ``-v`` each step is a
line of its own, in the order in which it happens, as curl has it: ``*`` for what is found, ``>`` for what
is sent and ``<`` for what is answered. In a pipe nothing is shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import trio

from trio_wsproxy._failures import StageName
from trio_wsproxy._redaction import LoggedHead, escaped
from trio_wsproxy._report import Stage

from ._console import Console

TICK = 0.2  # seconds between two looks at the clock
QUIET = 0.3  # seconds in which nothing is shown: most connections are open by then

_DOING: Mapping[StageName, str] = {
    "pac": "asking the PAC script {peer}",
    "setup": "preparing {peer}",
    "resolve": "looking up {peer}",
    "tcp": "connecting to {peer}",
    "proxy_tls": "TLS with the proxy {peer}",
    "connect": "asking proxy {hop} for {peer}",
    "socks": "asking proxy {hop} for {peer}",
    "server_tls": "TLS with {peer}",
    "upgrade": "asking {peer} for a WebSocket",
}


def doing(stage: Stage) -> str:
    """Say what goes on in a stage."""
    template = _DOING.get(stage.name, f"{stage.name} {{peer}}")
    return template.format(peer=escaped(stage.peer), hop=stage.hop)


class Progress:
    """Shows what is waited for; its :meth:`trace` is the client's.

    Args:
      console: Where to show it.
      verbose: Whether each step is a line.
      quiet: Whether nothing is shown.
      note: Writes a line of ``verbose``; by default the console does.

    Attributes:
      stage (Stage | None): The last one that has begun or ended.

    """

    def __init__(
        self,
        console: Console,
        *,
        verbose: bool = False,
        quiet: bool = False,
        note: Callable[[str], object] | None = None,
    ) -> None:
        self.stage: Stage | None = None
        self._console = console
        self._verbose = verbose
        self._line = console.rewrites and not verbose and not quiet
        self._note = console.note if note is None else note
        self._scope = trio.CancelScope()
        self._began = 0.0

    def start(self) -> None:
        """Begin to show how long it takes; to be called where trio runs."""
        self._began = trio.current_time()
        if self._line:
            trio.lowlevel.spawn_system_task(self._tick)

    def stop(self) -> None:
        """Take the line away: there is something to show."""
        self._scope.cancel()
        if self._line:
            self._line = False
            self._console.rewrite("")

    def trace(self, event: Literal["begin", "end"], stage: Stage) -> None:
        """Be told of a stage."""
        self.stage = stage
        if self._verbose:
            for line in _begun(stage) if event == "begin" else _found(stage):
                self._note(f"* {line}")
        else:
            self._show()

    async def _tick(self) -> None:
        with self._scope:
            while True:
                await trio.sleep(TICK)
                self._show()

    def _show(self) -> None:
        took = trio.current_time() - self._began
        if self._line and self.stage is not None and took >= QUIET:
            self._console.rewrite(f"{doing(self.stage)} … {took:.1f} s")


def _begun(stage: Stage) -> Iterator[str]:
    # What is asked of a proxy or a server is seen in what is sent.
    if stage.name not in ("connect", "upgrade"):
        yield doing(stage)


def _found(stage: Stage) -> Iterator[str]:
    """Say what a stage found, but for heads, which are shown as they come."""
    took = f"{(stage.duration or 0) * 1e3:.1f} ms"
    if not stage.ok:
        yield f"failed after {took}"
        return
    details = stage.details
    if stage.name == "resolve":
        yield f"has the addresses {', '.join(details['addresses'])} ({took})"
    elif stage.name == "tcp":
        found = [x["address"] for x in details["attempts"] if x["outcome"] == "connected"]
        yield f"connected to {', '.join(found)} ({took})"
    elif "version" in details:
        yield from _found_by_tls(details, took)
    elif "reply" in details:
        yield f"answers {details['reply']} ({took})"
    elif "answer" in details:
        yield f"answers {escaped(details['answer'])} ({took})"


def _found_by_tls(details: Mapping[str, Any], took: str) -> Iterator[str]:
    alpn = f", ALPN {details['alpn']}" if "alpn" in details else ""
    yield f"{details['version']}, {details['cipher']}{alpn} ({took})"
    for name in ("subject", "issuer"):
        if name in details:
            yield f"  {name}: {escaped(details[name])}"
    if "expires" in details:
        yield f"  valid until: {escaped(details['expires'])}"
    if details.get("names"):
        yield f"  names: {escaped(', '.join(details['names']))}"


def head_lines(record: logging.LogRecord) -> list[str] | None:
    """Give the head that a log record tells of, a line each; ``None`` where there is none."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    heads = [x for x in arguments if isinstance(x, LoggedHead)]
    if not heads:
        return None
    mark = "<" if heads[0].is_answer else ">"
    return [f"{mark} {line}" for line in heads[0].lines()]


@contextmanager
def log_shown(handler: logging.Handler, *, verbose: bool) -> Iterator[None]:
    """Have a handler show the client's log while the block lasts, if it is wanted."""
    logger = logging.getLogger("trio_wsproxy")
    level = logger.level
    if verbose:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class HeadHandler(logging.Handler):
    """Shows heads of requests and answers, and nothing else of the log."""

    def __init__(self, note: Callable[[str], object]) -> None:
        super().__init__()
        self.note = note

    def emit(self, record: logging.LogRecord) -> None:
        """Be told of a record."""
        for line in head_lines(record) or ():
            self.note(line)
