"""Lines that are edited while they are typed, with those of the last times: prompt_toolkit (extra cli).

Theory of operation
-------------------

prompt_toolkit brings an event loop of its own, asyncio's. It runs in a thread, in which nothing else
happens: each line is handed to trio, and what is written meanwhile goes through its proxy, which puts it
above the line that is being typed. When the conversation is over, the prompt is told to end and the
thread is waited for, since it has to give the terminal back as it was.

In a terminal that is edited like this Ctrl-C is a key. It becomes what it is everywhere else, a signal to
this process, so that it ends a conversation in one way only. So is Ctrl-Z. Its signal is sent by trio's thread, which
is the one that the system stops first: another would run on for a moment, and would leave a terminal to the
shell that is being edited again.

Where there is no prompt_toolkit, or the terminal cannot move its cursor, the kernel edits lines.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from trio_wsproxy._routing import environment

from ._console import PROMPT, Console

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import Application
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

SUSPENDED: signal.Signals | None = getattr(signal, "SIGTSTP", None)  # Windows has none
MAX_LINES = 1000  # that are kept for the next time


def may_edit(console: Console) -> bool:
    """Whether lines could be edited here, if prompt_toolkit is installed."""
    return console.moves and sys.stdin.isatty()


def open_editor(console: Console, *, history: bool) -> Editor | None:
    """Make an editor where the terminal and the installed packages allow it.

    Args:
      console: Of the process.
      history: Whether lines are kept for the next time.

    """
    if not may_edit(console):
        return None
    try:
        import prompt_toolkit  # noqa: F401  # whether it is there
    except ImportError:
        return None
    return Editor(history_file() if history else None)


def history_file() -> Path | None:
    """Say where lines are kept: the place that the XDG specification has for it, or none."""
    variables = environment()
    given = variables.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME")
    if given and Path(given).is_absolute():  # others are to be ignored
        return Path(given) / "trio-wsproxy" / "history"
    try:
        return Path.home() / ".local" / "state" / "trio-wsproxy" / "history"
    except RuntimeError:  # a user without a home
        return None


class Editor:
    """Reads lines from a terminal.

    Args:
      history: The file to keep lines in; ``None`` keeps them for this time only.

    Attributes:
      console (Console): Writes above the line that is being typed.
      unsent (str): What stood in the line when the conversation was over.

    """

    def __init__(self, history: Path | None) -> None:
        from prompt_toolkit.patch_stdout import StdoutProxy

        self._proxy = StdoutProxy(sleep_between_writes=0.01, raw=True)
        self.console = Console(self._proxy, self._proxy, edited=True)  # type: ignore[arg-type]  # it has what is used
        self.unsent = ""
        self._history = history
        self._session: PromptSession[str] | None = None
        self._over = False

    async def each_line(self, handle: Callable[[bytes], Awaitable[object]]) -> None:
        """Call ``handle`` with each line, until the user ends it with Ctrl-D.

        A cancelled call has given the terminal back.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_me)
            await trio.to_thread.run_sync(self._edit, handle)
            nursery.cancel_scope.cancel()

    def close(self) -> None:
        """Write what is left; to be called when nobody writes any more."""
        self._proxy.close()

    async def _end_with_me(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._over = True
            session = self._session
            if session is not None and session.app.loop is not None:
                session.app.loop.call_soon_threadsafe(self._end, session)

    def _edit(self, handle: Callable[[bytes], Awaitable[object]]) -> None:
        """Be the thread."""
        session = self._session = self._make_session()
        while not self._over:
            try:
                line = session.prompt(
                    PROMPT,
                    handle_sigint=False,
                    set_exception_handler=False,  # prompt_toolkit's own asks for Enter, and would wait for ever
                    pre_run=self._begin,
                )
            except (EOFError, OSError):  # an OSError: the terminal is gone
                return
            except KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
                return
            try:
                for part in line.split("\n"):  # several were pasted
                    trio.from_thread.run(handle, part.encode("utf-8", "surrogateescape"))
            except trio.Cancelled:  # the conversation is over
                return

    def _begin(self) -> None:
        """Prepare a prompt; end one that was begun while it was told to end."""
        assert self._session is not None
        self._session.app.loop.set_exception_handler(self._fails)  # type: ignore[union-attr]  # it runs
        if self._over:
            self._end(self._session)

    def _fails(self, *_: object) -> None:
        """Be told that reading fails, over and over: the terminal is gone."""
        self._over = True
        if self._session is not None:
            self._end(self._session)

    def _end(self, session: PromptSession[str]) -> None:
        """End a prompt that runs."""
        app = session.app
        if app.is_running and app.future is not None and not app.future.done():
            self.unsent = session.default_buffer.text
            _exit(app, EOFError)

    def _make_session(self) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        class History(FileHistory):
            """A full disk is no reason to send no line."""

            def store_string(self, string: str) -> None:
                with suppress(OSError):
                    super().store_string(string)

        kept: History | InMemoryHistory = InMemoryHistory()
        if self._history is not None:
            with suppress(OSError):
                _prepare(self._history)
                kept = History(str(self._history))
        return PromptSession(history=kept, key_bindings=_keys())


def _keys() -> KeyBindings:
    """Have Ctrl-C and Ctrl-D leave nothing of the line on the screen, as the end of a connection does."""
    from prompt_toolkit.application import get_app, run_in_terminal
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        _exit(event.app, KeyboardInterrupt)

    @keys.add("c-d", filter=Condition(lambda: not get_app().current_buffer.text))
    def _(event: KeyPressEvent) -> None:
        _exit(event.app, EOFError)

    if SUSPENDED is not None:
        # For all processes of this job; it returns when the shell lets them go on.
        suspend = partial(trio.from_thread.run_sync, os.kill, 0, SUSPENDED)

        @keys.add("c-z")
        def _(_: KeyPressEvent) -> None:
            run_in_terminal(suspend)

    return keys


def _exit(app: Application[Any], exception: type[BaseException]) -> None:
    app.erase_when_done = True
    app.exit(exception=exception)


def _prepare(path: Path) -> None:
    """Make a file of history that nobody else can read, and not too long.

    Raises:
      OSError: There can be none.

    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "r+b") as file:
        with suppress(AttributeError, OSError):  # a system without modes
            os.fchmod(fd, 0o600)
        lines = file.read().splitlines(keepends=True)
        if len(lines) > 3 * MAX_LINES:  # prompt_toolkit writes three for each
            file.seek(0)
            file.truncate()
            file.writelines(lines[-3 * MAX_LINES :])
