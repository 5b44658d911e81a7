"""Credentials out of ~/.netrc."""

from __future__ import annotations

import netrc
import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from traceback import walk_tb

import pytest
import trio
from _awkward import everything_told

from trio_wsproxy import ProxyConfigError
from trio_wsproxy._routing import _netrc
from trio_wsproxy._routing._netrc import MAX_FILE, netrc_credentials, parse_netrc

FILE = """
machine proxy.test login ada password s3cret
machine third.test account carol password x
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ~/.netrc with FILE in it."""
    path = tmp_path / ".netrc"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    return path


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("host", "credentials"),
    [
        ("proxy.test", ("ada", "s3cret")),
        ("third.test", ("carol", "x")),
        ("unknown.test", None),
    ],
)
async def test_entries(host: str, credentials: tuple[str, str] | None) -> None:
    """The entry of the host counts, no other."""
    assert await netrc_credentials(host) == credentials


async def test_default_entry(file: Path) -> None:
    """A default entry is for every host without one."""
    file.write_text(FILE + "default login dora password y\n")
    assert await netrc_credentials("unknown.test") == ("dora", "y")
    assert await netrc_credentials("proxy.test") == ("ada", "s3cret")


async def test_entry_without_a_password(file: Path) -> None:
    """A user name alone is one with an empty password."""
    file.write_text("machine proxy.test login bob")
    assert await netrc_credentials("proxy.test") == ("bob", "")


async def test_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETRC names another file."""
    other = file.with_name("other")
    other.write_text("machine proxy.test login eve password z\n")
    monkeypatch.setenv("NETRC", str(other))
    assert await netrc_credentials("proxy.test") == ("eve", "z")


async def test_windows_name(file: Path) -> None:
    """_netrc does where there is no .netrc, as on Windows."""
    file.rename(file.with_name("_netrc"))
    assert await netrc_credentials("proxy.test") == ("ada", "s3cret")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, r"\.netrc cannot be read: No such file"),
        (b"machine proxy.test s3cret", r"\.netrc is malformed in line 1"),
        (b"machine proxy.test login \xff\xff s3cret", None),
    ],
)
async def test_broken_file(file: Path, content: bytes | None, text: str | None) -> None:
    """A file that cannot be read is an error with its name, and without its content."""
    file.unlink()
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    with pytest.raises(ProxyConfigError, match=text) as caught:
        await netrc_credentials("proxy.test")
    assert "s3cret" not in f"{caught.value}{caught.value.__cause__}"


# --- the syntax --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("machine h login a password b", ("a", "b")),
        ("machine\th\r\nlogin a\r\npassword b\r\n", ("a", "b")),
        ("\ufeffmachine h login a password b", ("a", "b")),
        ("machine H. login a password b", ("a", "b")),
        ("machine h user a password b", ("a", "b")),
        ("machine h account c password b", ("c", "b")),
        ("machine h login a", ("a", "")),
        ("machine h", ("", "")),
        ('machine h login "a b" password "c\\"d"', ("a b", 'c"d')),
        ("machine h login a password b\\ c", ("a", "b c")),
        ("machine h login a password #b", ("a", "#b")),
        ("# a machine h\nmachine h # login x\n login a #\n password b", ("a", "b")),
        ("machine h login a password machine machine i", ("a", "machine")),
        ("macdef init\nmachine h login x\n\nmachine h login a password b", ("a", "b")),
        ("machine h login a password b macdef init\nwhat ever", ("a", "b")),
        ("machine h login x password y\nmachine h login a password b", ("a", "b")),
        ("machine i frobnicate login x machine h login a password b", ("a", "b")),
        ("default login x password y machine h login a password b", ("a", "b")),
        ("default login a password b", ("a", "b")),
        ("machine i login a password b", None),
        ("", None),
        ("# nothing", None),
    ],
)
async def test_syntax(file: Path, text: str, credentials: tuple[str, str] | None) -> None:
    """The syntax of Python's netrc; odd words in the entry of another host do not matter."""
    file.write_text(text, encoding="utf-8", newline="")
    assert await netrc_credentials("h") == credentials


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("machine h login a\nfrobnicate s3cret password b", 2),
        ("<html>s3cret", 1),
        ("machine h login a\n\nmachine", 3),
        ("\n\nhost s3cret", 3),
    ],
)
async def test_malformed(file: Path, text: str, line: int) -> None:
    """What is wrong is told by its line, and nothing of the file is shown."""
    file.write_text(text)
    with pytest.raises(ProxyConfigError, match=f"malformed in line {line}$") as caught:
        await netrc_credentials("h")
    assert "s3cret" not in everything_told(caught.value).replace(str(file), "")


# --- files that are none -----------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="only there are such files")


@posix
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "is a FIFO and no regular file"),
        (lambda path: path.mkdir(), "is a directory and no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device and no regular file"),
        (lambda path: path.symlink_to("/dev/null"), "is a device and no regular file"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels"),
        (lambda path: path.write_bytes(b" " * (MAX_FILE + 1)), "is too long"),
        (str, "cannot be read: No such file"),
    ],
)
async def test_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], what: str
) -> None:
    """Whatever NETRC names, the call ends, with an error that says what that is."""
    path = tmp_path / "odd"
    make(path)
    monkeypatch.setenv("NETRC", str(path))
    with trio.fail_after(60), pytest.raises(ProxyConfigError, match=what):
        await netrc_credentials("h")


async def test_name_with_a_nul(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no file has is an error of the setting, too."""
    monkeypatch.setattr(_netrc, "netrc_file", lambda: ("a\0b", False))
    with pytest.raises(ProxyConfigError, match="cannot be read"):
        await netrc_credentials("h")


@posix
async def test_fifo_in_its_place(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO that has taken the place of a file between two looks is not waited for either."""
    regular = os.stat(file)  # noqa: PTH116
    file.unlink()
    os.mkfifo(file)
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda _: regular)
        with trio.fail_after(60), pytest.raises(ProxyConfigError, match="no regular file"):
            await netrc_credentials("h")


async def test_the_loop_ticks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file makes us wait, other tasks run, and the deadline counts."""
    asked, release = threading.Event(), threading.Event()

    def wait() -> tuple[str, bool]:
        asked.set()
        release.wait(30)
        return "", False

    monkeypatch.setattr(_netrc, "netrc_file", wait)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(netrc_credentials, "h")
            while not asked.is_set():
                await trio.sleep(0)
            scope.cancel()
    assert scope.cancelled_caught
    assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    release.set()


@posix
@pytest.mark.parametrize(
    ("mode", "text", "refused"),
    [
        (0o600, FILE, False),
        (0o400, FILE, False),
        (0o640, FILE, True),
        (0o604, FILE, True),
        (0o610, FILE, True),
        (0o644, "machine proxy.test login anonymous password a@b", False),
    ],
)
async def test_permissions(file: Path, mode: int, text: str, refused: bool) -> None:
    """A ~/.netrc that others may use is refused, as the standard library does."""
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(netrc.NetrcParseError) if refused else nullcontext():
        netrc.netrc()
    if not refused:
        assert await netrc_credentials("proxy.test") is not None
        return
    for _ in range(2):  # nor out of memory
        with pytest.raises(ProxyConfigError, match=f"mode is {mode:04o}.*chmod 600 it$"):
            await netrc_credentials("proxy.test")


@posix
async def test_owner(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that belongs to somebody else."""
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(ProxyConfigError, match=f"belongs to another user .uid {owner}"):
        await netrc_credentials("proxy.test")
    monkeypatch.setenv("NETRC", str(file))
    assert await netrc_credentials("proxy.test") == ("ada", "s3cret")


@posix
async def test_a_file_of_ones_own_choice(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that NETRC names may be anybody's, as with the standard library."""
    file.chmod(0o644)
    monkeypatch.setenv("NETRC", str(file))
    assert await netrc_credentials("proxy.test") == ("ada", "s3cret")


# --- cost --------------------------------------------------------------------------------


async def test_once_per_state(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read once for each of its states; one that has just been written, again."""
    read: list[str] = []

    def parse(text: str) -> object:
        read.append(text)
        return parse_netrc(text)

    monkeypatch.setattr(_netrc, "parse_netrc", parse)
    monkeypatch.setattr(_netrc, "RACY", -1)
    for _ in range(3):
        assert await netrc_credentials("proxy.test") == ("ada", "s3cret")
    assert len(read) == 1
    file.write_text("machine proxy.test login ada password 0ther")
    assert await netrc_credentials("proxy.test") == ("ada", "0ther")
    assert len(read) == 2
    monkeypatch.setattr(_netrc, "RACY", 10**18)
    file.write_text("machine proxy.test login ada password again")
    for _ in range(2):
        assert await netrc_credentials("proxy.test") == ("ada", "again")
    assert len(read) == 4


async def test_no_frame_has_the_password(file: Path) -> None:
    """The locals of the frames of an error have nothing of the file in them."""
    file.write_text(FILE + "machine h login ada frobnicate s3cret")
    with pytest.raises(ProxyConfigError) as caught:
        await netrc_credentials("h")
    shown = "".join(
        repr(frame.f_locals)
        for frame, _ in walk_tb(caught.tb)
        if "trio_wsproxy" in frame.f_code.co_filename
    )
    assert "host" in shown
    assert "s3cret" not in shown
