"""Credentials for a proxy out of ``~/.netrc``, for those who ask for it.

Theory of operation
-------------------

The file is named by a user's setting and may lie anywhere, so whatever touches it may wait for ever: a
FIFO, a device, a server that serves home directories. All of it happens in a thread, which a
cancelled call leaves to itself (:class:`~trio_wsproxy._threads.Workers`). Only a regular file is read, and of one at most :data:`MAX_FILE` bytes.

What was read is kept for as long as the file is the same (its :class:`_State`), for it may be long;
unless it had just been written, because a file may be written twice within one tick of its clock.

The syntax is that of Python's :mod:`netrc`, the same in every version of Python, but for two habits of
curl's: names are compared without regard to case, and a macro may end with the file. An entry
with an odd word in it stops nobody but who asks for its host, for the file is everybody's.

Frames of a traceback show their variables, to error trackers for instance. So no function that
raises holds the text of the file, or a password.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Mapping
from typing import NamedTuple

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import Topic, words
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._threads import Workers

from ._system import netrc_file

MAX_FILE = 2**20  # bytes; more than ten thousand entries
RACY = 2_000_000_000  # nanoseconds; no file system's clock ticks more slowly (FAT: 2 s)

# A text in quotes, or one that ends with a blank; a backslash takes the next character as it is.
_TOKEN = lazy_pattern(
    r'[ \t\r\n]*(?:"([^"\\]*(?:\\.[^"\\]*)*)"?|([^\\ \t\r\n]*(?:\\.[^\\ \t\r\n]*)*))', re.DOTALL
)
_ESCAPE = lazy_pattern(r"\\(.)", re.DOTALL)
_BEGINNINGS = ("", "machine", "default", "macdef")
_FIELDS = {"login": 0, "user": 0, "account": 1, "password": 2}
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_WORKERS = Workers("netrc", awaited=4, most=16)


class _State(NamedTuple):
    """What tells one content of a file from another."""

    path: str
    device: int
    inode: int
    size: int
    written: int
    changed: int


class _Entry:
    """What stands behind ``machine``; its ``repr`` has no password."""

    __slots__ = ("fields", "odd_line")

    def __init__(self) -> None:
        self.fields = ["", "", ""]  # login, account, password
        self.odd_line = 0  # where a word stands that means nothing; 0 is nowhere

    @property
    def credentials(self) -> tuple[str, str]:
        login, account, password = self.fields
        return login or account, password


class _Content(NamedTuple):
    """What a file says, or what is wrong with all of it.

    Attributes:
      entries: By host; the one under the empty name is for all others.
      problem: Empty, if there is none.

    """

    entries: Mapping[str, _Entry]
    problem: str = ""


_known: tuple[_State, _Content] | None = None


async def netrc_credentials(host: str) -> tuple[str, str] | None:
    """Look a host up in the file that ``NETRC`` names, or else in ``~/.netrc``.

    Args:
      host: The proxy's host; its case and a trailing dot do not matter.

    Returns:
      User name and password; ``None`` if there is neither an entry for the host nor a
      ``default`` one.

    Raises:
      ProxyConfigError: There is no such file, it cannot be read, is no regular file or too long,
        ``~/.netrc`` can be read by others, or the entry is malformed.
      ThreadsHang: Too many earlier calls wait for such a file.

    A cancelled call returns at once, whatever the file does.

    """
    return await _WORKERS.run(lambda: _look_up(host))


def _look_up(host: str) -> tuple[str, str] | None:
    path, usual = netrc_file()
    where = words("{netrc}: the file {path}", netrc=Topic.NETRC, path=shown_text(path))
    problem = ""
    try:
        content = _content(path, usual=usual)
    except OSError as exc:
        told = words("{where} cannot be read: {reason}", where=where, reason=str(exc.strerror))
        raise misconfigured(told) from exc
    except ValueError as exc:  # a NUL in its name
        problem = f"cannot be read: {exc}"
    else:
        entry = content.entries.get(_key(host)) or content.entries.get("")
        problem = content.problem
        if not problem and (entry is None or not entry.odd_line):
            return entry.credentials if entry else None
        problem = problem or f"is malformed in line {entry.odd_line if entry else 0}"
    raise misconfigured(words("{where} {problem}", where=where, problem=problem))


def _key(host: str) -> str:
    return host.strip("[]").removesuffix(".").lower()


def _content(path: str, *, usual: bool) -> _Content:
    """Give what a file says, from memory if it has not changed."""
    global _known  # noqa: PLW0603  # one file is enough
    found = os.stat(path)  # noqa: PTH116  # a setting, not a path of ours
    if not stat.S_ISREG(found.st_mode):  # opening it may wait, or rewind a tape
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        return _Content({}, f"is {kind} and no regular file")
    # If something else has come into its place, not even opening it waits.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(file)
        state = _State(
            path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        )
        known = _known
        content = known[1] if known and known[0] == state else _read(file, found)
    finally:
        os.close(file)
    if time.time_ns() - max(state.written, state.changed) > RACY:
        _known = state, content
    named = any(entry.fields[0] != "anonymous" for entry in content.entries.values())
    distrust = _distrusted(found) if usual and named else ""
    return _Content({}, distrust) if distrust else content


def _distrusted(found: os.stat_result) -> str:
    """Say why a ``~/.netrc`` is not to be trusted, as the standard library does."""
    if os.name != "posix":
        return ""
    if found.st_uid != os.getuid():
        return f"belongs to another user (uid {found.st_uid}), so it is not used"
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(found.st_mode)
        return f"is open to other users (its mode is {mode:04o}), so it is not used; chmod 600 it"
    return ""


def _read(file: int, found: os.stat_result) -> _Content:
    if not stat.S_ISREG(found.st_mode):
        return _Content({}, "is no regular file")
    pieces: list[bytes] = []
    room = MAX_FILE + 1
    while room and (piece := os.read(file, min(room, 2**16))):
        pieces.append(piece)
        room -= len(piece)
    if not room:
        return _Content({}, f"is too long; at most {MAX_FILE:,} bytes are read")
    try:
        text = b"".join(pieces).decode("utf-8-sig")
    except UnicodeDecodeError:
        return _Content({}, "is not UTF-8")
    return parse_netrc(text)


def parse_netrc(text: str) -> _Content:
    """Read the text of such a file, in linear time.

    Args:
      text: At most :data:`MAX_FILE` characters of it, for the sake of time.

    """
    entries: dict[str, _Entry] = {}
    tokens = _Tokens(text.replace("\r\n", "\n"))
    word = tokens.keyword()
    while word:
        if word == "macdef":
            tokens.skip_macro()
            word = tokens.keyword()
            continue
        host = tokens.next() if word == "machine" else ""
        if word not in _BEGINNINGS or (word == "machine" and not host):
            return _Content({}, f"is malformed in line {tokens.line}")
        entry = entries[_key(host)] = _Entry()
        while (word := tokens.keyword()) not in _BEGINNINGS:
            if word in _FIELDS:
                entry.fields[_FIELDS[word]] = tokens.next()
            else:
                entry.odd_line = entry.odd_line or tokens.line
    return _Content(entries)


class _Tokens:
    """The words of a text; a walk through it that only goes forward."""

    __slots__ = ("_counted", "_line", "_position", "_start", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0  # behind the last word
        self._start = 0  # where it began
        self._counted, self._line = 0, 1  # lines before a place

    @property
    def line(self) -> int:
        """The line in which the last word began."""
        self._line += self._text.count("\n", self._counted, self._start)
        self._counted = self._start
        return self._line

    def next(self) -> str:
        """Give the next word; an empty one where the text ends."""
        found = _TOKEN.match(self._text, self._position)
        assert found is not None  # it matches nothing as well
        group = 2 if found[1] is None else 1
        self._start, self._position = found.start(group), found.end()
        return _ESCAPE.sub(r"\1", found[group]) if "\\" in found[group] else found[group]

    def keyword(self) -> str:
        """Give the next word that does not stand in a comment."""
        while (word := self.next()).startswith("#"):
            end = self._text.find("\n", self._start)
            self._position = len(self._text) if end < 0 else end
        return word

    def skip_macro(self) -> None:
        """Go on behind the next empty line."""
        self.next()
        end = self._text.find("\n\n", self._position)
        self._position = len(self._text) if end < 0 else end
