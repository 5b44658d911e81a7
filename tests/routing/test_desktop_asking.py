"""With real programs: shell scripts that answer, fail, talk too much or hang."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from _desktops import HANG, is_gone, put_program

from trio_wsproxy._routing._desktop import _asking
from trio_wsproxy._routing._desktop._asking import Asker, NoAnswer, NoProgram


def asker(directory: Path, patience: float = 60.0) -> Asker:
    """An asker that finds the programs of one directory first."""
    return Asker({"PATH": f"{directory}{os.pathsep}{os.environ['PATH']}", "A": "b"}, patience)


def pids_of(path: Path) -> list[int]:
    """The ids of a hanging program, as soon as it has written them down."""
    noted = Path(f"{path}.pid")
    while not noted.exists():
        time.sleep(0.01)  # another process's doing; pytest's timeout bounds it
    return [int(pid) for pid in noted.read_text().split()]


def wait_for_end(*pids: int) -> None:
    """Wait until these have ended; they have been killed, but that may take a moment to be seen."""
    while not all(map(is_gone, pids)):
        time.sleep(0.01)  # likewise


def test_answer(tmp_path: Path) -> None:
    """What a program prints is given, in UTF-8 whatever the locale; it gets its arguments as they are."""
    put_program(tmp_path, "say", 'printf "%s|" "$@" "$A" "$LC_ALL"; printf "\\303\\244\\377"')
    said = asker(tmp_path).ask("say", "a b", "$(x)", "")
    assert said == "a b|$(x)||b|C.UTF-8|ä\ufffd"


def test_no_program(tmp_path: Path) -> None:
    """A program that is not installed is told from one that fails."""
    with pytest.raises(NoProgram, match="nothing-of-this-name is not installed"):
        asker(tmp_path).ask("nothing-of-this-name")
    put_program(tmp_path, "bad", "echo x; exit 3")
    with pytest.raises(NoAnswer, match=r"^bad failed \(status 3\)$"):
        asker(tmp_path).ask("bad")
    (tmp_path / "odd").write_bytes(b"\0\0")
    (tmp_path / "odd").chmod(0o755)
    with pytest.raises(NoAnswer, match=r"^odd cannot be run"):
        asker(tmp_path).ask("odd")


def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not stop talking is ended."""
    monkeypatch.setattr(_asking, "MAX_ANSWER", 10_000)
    path = put_program(tmp_path, "talk", 'echo $$ > "$0.pid"; exec yes')
    with pytest.raises(NoAnswer, match="talk said more than 10,000 bytes"):
        asker(tmp_path).ask("talk")
    assert is_gone(*pids_of(path))


@pytest.mark.parametrize("before", ["", "exec >&-;"])
def test_hanging(tmp_path: Path, before: str) -> None:
    """A program that hangs is ended when the time is over, with those that it started."""
    path = put_program(tmp_path, "hang", f"{before} {HANG}")
    asking = asker(tmp_path, 1.0)
    with pytest.raises(NoAnswer, match=r"^hang did not answer within 1 s$"):
        asking.ask("hang")
    assert asking._process is None
    if Path(f"{path}.pid").exists():  # on a loaded machine it may not have come so far
        wait_for_end(*pids_of(path))


def test_cancel(tmp_path: Path) -> None:
    """Another thread may end it at any moment."""
    path = put_program(tmp_path, "hang", HANG)
    asking = asker(tmp_path)
    problems: list[NoAnswer] = []

    def ask() -> None:
        try:
            asking.ask("hang")
        except NoAnswer as exc:
            problems.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    pids = pids_of(path)
    asking.cancel()
    thread.join()
    assert problems
    wait_for_end(*pids)


def test_cancelled_before(tmp_path: Path) -> None:
    """Whoever was cancelled before the program began ends it as soon as it does."""
    put_program(tmp_path, "hang", HANG)
    asking = asker(tmp_path)
    asking.cancel()
    with pytest.raises(NoAnswer, match="nobody waits for it"):
        asking.ask("hang")
    asking.cancel()
