"""Credentials out of ~/.netrc."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trio_wsproxy import ProxyConfigError
from trio_wsproxy._routing import netrc_credentials

FILE = """
machine proxy.test login ada password s3cret
machine third.test account carol password x
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ~/.netrc with FILE in it."""
    path = tmp_path / ".netrc"
    path.write_text(FILE, encoding="utf-8")
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
def test_entries(host: str, credentials: tuple[str, str] | None) -> None:
    """The entry of the host counts, no other."""
    assert netrc_credentials(host) == credentials


def test_default_entry(file: Path) -> None:
    """A default entry is for every host without one."""
    file.write_text(FILE + "default login dora password y\n")
    assert netrc_credentials("unknown.test") == ("dora", "y")
    assert netrc_credentials("proxy.test") == ("ada", "s3cret")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before 3.11 netrc refuses such a file")
def test_entry_without_a_password(file: Path) -> None:
    """A user name alone is one with an empty password."""
    file.write_text("machine proxy.test login bob")
    assert netrc_credentials("proxy.test") == ("bob", "")


def test_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETRC names another file."""
    other = file.with_name("other")
    other.write_text("machine proxy.test login eve password z\n")
    monkeypatch.setenv("NETRC", str(other))
    assert netrc_credentials("proxy.test") == ("eve", "z")


def test_windows_name(file: Path) -> None:
    """_netrc does where there is no .netrc, as on Windows."""
    file.rename(file.with_name("_netrc"))
    assert netrc_credentials("proxy.test") == ("ada", "s3cret")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, r"\.netrc cannot be read: No such file"),
        (b"machine proxy.test s3cret", r"\.netrc is malformed in line 1"),
        (b"machine proxy.test login \xff\xff s3cret", None),
    ],
)
def test_broken_file(file: Path, content: bytes | None, text: str | None) -> None:
    """A file that cannot be read is an error with its name, and without its content."""
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ProxyConfigError, match=text) as caught:
        netrc_credentials("proxy.test")
    assert "s3cret" not in f"{caught.value}{caught.value.__cause__}"
