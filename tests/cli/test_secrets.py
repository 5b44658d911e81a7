"""Secrets that do not stand in the arguments."""

from __future__ import annotations

import argparse
import getpass
import io
from pathlib import Path
from typing import Any

import pytest

from trio_wsproxy import (
    BasicAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    ProxyConfigError,
    _cli,
    resolve_proxy,
)
from trio_wsproxy._cli._parser import make_parser
from trio_wsproxy._cli._secrets import MAX_FILE, headers
from trio_wsproxy._cli._settings import connection_arguments


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody at the terminal, and nothing in the environment."""
    monkeypatch.delenv("TRIO_WSPROXY_PROXY_USER", raising=False)
    monkeypatch.delenv("TRIO_WSPROXY_PROXY_PASSWORD", raising=False)
    monkeypatch.delenv("TRIO_WSPROXY_AUTH", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


class Asked:
    """Somebody at the terminal, who answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: str | type[BaseException]) -> None:
        self.prompts: list[str] = []
        self._answer = answer
        terminal = io.StringIO()
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr(getpass, "getpass", self.ask)

    def ask(self, prompt: str) -> str:
        """Answer, or press a key that says no."""
        self.prompts.append(prompt)
        if isinstance(self._answer, str):
            return self._answer
        raise self._answer


def taken(*argv: str) -> dict[str, Any]:
    """What the options come to."""
    arguments = make_parser("x").parse_args(["connect", *argv, "ws://echo.test"])
    assert "s3cret" not in repr(arguments)
    return connection_arguments(arguments)


def test_headers_from_a_file(tmp_path: Path) -> None:
    """A file has a header in each line, and goes along with those that are given."""
    path = tmp_path / "headers"
    path.write_bytes(b"\xef\xbb\xbfAuthorization: Bearer s3cret\r\n\r\nX-Two : b:c\n")
    got = taken("--header", "A: 1", "--header", f"@{path}")["extra_headers"]
    assert got == [("A", "1"), ("Authorization", "Bearer s3cret"), ("X-Two", "b:c")]
    assert "s3cret" not in repr(got)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"A: b\ns3cret", "line 2: a header is written 'Name: value'"),
        (b": s3cret", "line 1: a header is written"),
        (b"A: " + b"s3cret" * MAX_FILE, "has more than 64 KiB"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_is_none(content: bytes | None, problem: str, tmp_path: Path) -> None:
    """What is wrong with a file is told with its name, and without what is in it."""
    path = tmp_path / "headers"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        headers(f"@{path}")
    assert problem in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "asks", "completed"),
    [
        ("http://ada@p.test:1", "ada at http://p.test:1", "http://ada:s3cret%2F%40@p.test:1"),
        ("ada@p.test", "ada at p.test", "ada:s3cret%2F%40@p.test"),
        ("socks5h://ada@p.test", "ada at socks5h://p.test", "socks5h://ada:s3cret%2F%40@p.test"),
        ("http://ada:pw@p.test", None, "http://ada:pw@p.test"),
        ("http://ada:@p.test", None, "http://ada:@p.test"),
        ("http://:@p.test", None, "http://:@p.test"),
        ("http://p.test", None, "http://p.test"),
        ("socks4://ada@p.test", None, "socks4://ada@p.test"),
    ],
)
def test_the_password_is_asked_for(
    url: str, asks: str | None, completed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a URL has a user and no password, whoever sits there types it."""
    asked = Asked(monkeypatch, "s3cret/@")
    assert taken("--proxy", url)["proxy"] == completed
    assert asked.prompts == ([f"Password of {asks}: "] if asks else [])


@pytest.mark.parametrize("answer", ["", EOFError])
def test_no_answer(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lone user name may be a key: no answer sends no password."""
    Asked(monkeypatch, answer)
    assert taken("--proxy", "http://key@p.test")["proxy"] == "http://key@p.test"


def test_ctrl_c_at_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the program as ever."""
    Asked(monkeypatch, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        taken("--proxy", "http://ada@p.test")


def test_nobody_is_asked_in_a_pipe() -> None:
    """Without a terminal nobody can answer."""
    assert taken("--proxy", "http://ada@p.test")["proxy"] == "http://ada@p.test"


def test_the_environment_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with the password spares the question."""
    asked = Asked(monkeypatch, "no")
    monkeypatch.setenv("TRIO_WSPROXY_PROXY_PASSWORD", "s3cret")
    assert taken("--proxy", "http://ada@p.test")["proxy"] == "http://ada:s3cret@p.test"
    monkeypatch.setenv("TRIO_WSPROXY_PROXY_USER", "bob")
    got = taken("--proxy", "http://p.test", "--proxy", "http://eve:x@q.test")["proxy"]
    assert got == ["http://bob:s3cret@p.test", "http://eve:x@q.test"]
    assert asked.prompts == []


@pytest.mark.parametrize("where", ["file", "argument", "variable", "terminal"])
def test_proxy_user(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """User and password are for the proxies that were named, or for those of the environment."""
    path = tmp_path / "user"
    path.write_text("ada:s3cret\n")
    argv = {
        "file": ["--proxy-user", f"@{path}"],
        "argument": ["--proxy-user", "ada:s3cret"],
        "variable": [],
        "terminal": ["--proxy-user", "ada"],
    }[where]
    if where == "variable":
        monkeypatch.setenv("TRIO_WSPROXY_PROXY_USER", "ada:s3cret")
    elif where == "terminal":
        Asked(monkeypatch, "s3cret")
    assert taken(*argv, "--proxy", "socks5://p.test")["proxy"] == "socks5://ada:s3cret@p.test"
    for installed in (True, False):
        monkeypatch.setattr(
            "trio_wsproxy._auth._choice.has_pyspnego", lambda there=installed: there
        )
        schemes = taken(*argv)["proxy_auth"]
        ntlm = (NTLMAuth("ada", "s3cret"),) if installed else ()
        assert schemes == (BasicAuth("ada", "s3cret"), DigestAuth("ada", "s3cret"), *ntlm)
    assert taken(*argv, "--no-proxy")["proxy_auth"] is None


@pytest.mark.parametrize("content", ["", "ada", "ada:", "ada:s3cret\nb:c"])
def test_a_user_that_is_none(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file for --proxy-user has one line, and the message does not show it."""
    path = tmp_path / "user"
    path.write_text(content)
    with pytest.raises(SystemExit):
        taken("--proxy-user", f"@{path}")
    told = capsys.readouterr().err
    assert "has to be one line, USER:PASSWORD" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ntlm", ("ntlm",)),
        ("Negotiate,NTLM", ("negotiate", "ntlm")),
        (" basic, digest ", ("basic", "digest")),
        ("netrc", "netrc"),
        ("Keyring", "keyring"),
    ],
)
def test_proxy_auth(text: str, expected: Any) -> None:
    """The names of schemes, or a place to look user and password up, are for all proxies."""
    for more in ([], ["--proxy", "http://ada:s3cret@p.test"], ["--proxy", "http://p.test"]):
        assert taken("--proxy-auth", text, *more)["proxy_auth"] == expected
    assert taken("--proxy-auth", text, "--no-proxy")["proxy_auth"] is None


def test_what_is_typed_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that says the same counts where the option is not there, in any spelling."""
    monkeypatch.setenv("https_proxy", "http://ada:s3cret@p.test")
    monkeypatch.setenv("Trio_wsproxy_Auth", "basic")
    monkeypatch.setenv("TRIO_WSPROXY_AUTH", "nonsense")
    with pytest.raises(ProxyConfigError):
        resolve_proxy("wss://h.test")
    assert taken("--proxy-auth", "ntlm")["proxy_auth"] == ("ntlm",)
    (hop,) = resolve_proxy("wss://h.test").hops
    assert hop.auth == ()


def test_proxy_auth_with_a_user() -> None:
    """User and password are for the schemes that are named; a proxy's URL has them, if there is one."""
    argv = ["--proxy-user", "ada:s3cret", "--proxy-auth", "digest,ntlm,negotiate"]
    got = taken(*argv, "--proxy", "http://p.test")
    assert got["proxy"] == "http://ada:s3cret@p.test"
    assert got["proxy_auth"] == ("digest", "ntlm", "negotiate")
    schemes = taken(*argv)["proxy_auth"]
    assert schemes[:3] == ("digest", "ntlm", "negotiate")
    assert schemes[3:] == (
        DigestAuth("ada", "s3cret"),
        NTLMAuth("ada", "s3cret"),
        NegotiateAuth("ada", "s3cret"),
    )


def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user or a password that is not UTF-8 is sent byte for byte, and no codec complains."""
    monkeypatch.setenv("TRIO_WSPROXY_PROXY_PASSWORD", "\udcfe")
    got = taken("--proxy-user", "\udcff", "--proxy", "http://p.test")
    assert got["proxy"] == "http://%FF:%FE@p.test"


def test_arguments_stay_as_they_are() -> None:
    """What was typed is not written over, so it can be read twice."""
    argv = ["connect", "--proxy-user", "ada:s3cret", "--proxy", "http://p.test", "ws://echo.test"]
    arguments = make_parser("x").parse_args(argv)
    before = vars(arguments).copy()
    first, second = connection_arguments(arguments), connection_arguments(arguments)
    assert vars(arguments) == before
    assert first == second
    assert first["proxy"] == "http://ada:s3cret@p.test"


def test_single_sign_on_as_curl_has_it() -> None:
    """A colon for the user stands for whoever has logged in."""
    for more in ([], ["--proxy", "http://p.test"]):
        assert taken("--proxy-user", ":", *more)["proxy_auth"] == ("negotiate", "ntlm")
        argv = ["--proxy-user", ":", "--proxy-auth", "negotiate"]
        assert taken(*argv, *more)["proxy_auth"] == ("negotiate",)


def test_nobody_is_asked_for_what_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where netrc or a keyring has the password, nobody types it."""
    asked = Asked(monkeypatch, "no")
    for place in ("netrc", "keyring"):
        for more in (["--proxy", "http://ada@p.test"], ["--proxy-user", "ada"]):
            got = taken("--proxy-auth", place, *more)
            assert got["proxy_auth"] == place
            assert got["proxy"] in (True, "http://ada@p.test")
    assert asked.prompts == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ntml", "'ntml' is no scheme that is spoken with a proxy here; ntlm was probably meant"),
        ("kerberos", "negotiate was probably meant"),
        ("bearer", "use one or several of negotiate, ntlm, digest, basic; or netrc or keyring"),
        ("negotiate,netrc", "or netrc or keyring alone"),
        (" , ", "--proxy-auth is empty; use some of"),
        ("s3cret", "a word in it (not shown here) is no scheme"),
    ],
)
def test_an_unknown_scheme(text: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a mistake in the usage, told with those that are known and what was meant."""
    assert _cli.main(["connect", "--proxy-auth", text, "ws://echo.test"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("--proxy-auth")
    assert told in said
    assert "s3cret" not in said
