"""``trio-wsproxy explain``, and the page of the documentation that shows it."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from _pages import blocks
from _typed import session

from trio_wsproxy import _cli
from trio_wsproxy._cli import _explain
from trio_wsproxy._cli._console import Console
from trio_wsproxy._cli._parser import make_parser

SECRET = "sEcReT-77"
PAGE = Path(__file__).parent.parent.parent / "docs" / "cli-explain.rst"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of this machine count."""
    for name in list(os.environ):
        if name.lower().endswith(("_proxy", "wsproxy_pac")) or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    monkeypatch.setattr("trio_wsproxy._routing._by_desktop.desktop_settings", lambda _: None)
    monkeypatch.setattr(sys, "platform", "linux")


def explain(monkeypatch: pytest.MonkeyPatch, *arguments: str, **environ: str) -> int:
    """Run the command in an environment."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return _cli.main(["explain", *arguments])


def test_route(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The proxy, the rule, each place looked at and the picture are shown."""
    assert explain(monkeypatch, "wss://example.org/chat", https_proxy="http://p.test:3128") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "wss://example.org/chat is reached through http://p.test:3128",
        "decided by: environment variable https_proxy",
        "",
        "Looked at, in this order:",
        "  no_proxy       not set",
        "  loopback rule  example.org is no loopback host",
        "  wss_proxy      not set",
        "  socks_proxy    not set",
        "  https_proxy    'http://p.test:3128': used",
        "",
        "The way:",
        "  client ─tcp→ p.test:3128 ─CONNECT→ example.org:443 ─TLS→ WebSocket",
        "",
        "In the same environment, the same way: curl, Go, requests, websockets.",
        "(Go and requests do not know wss:// and are taken to be asked for https://.)",
    ]
    assert err == ""


def test_others(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Who goes another way is named with its route and the reason, the others in one line."""
    assert explain(monkeypatch, "ws://h.test", all_proxy="http://p.test:3128") == 0
    out = capsys.readouterr().out
    assert "  Go          direct  does not look at all_proxy\n" in out
    assert "  websockets  direct  does not look at all_proxy\n" in out
    assert "The same way as here: curl, requests.\n" in out


def test_same_way_but(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """What others do otherwise on the same way is told under another headline."""
    explain(monkeypatch, "wss://h.test", https_proxy="http://:@p.test:1")
    out = " ".join(capsys.readouterr().out.split())
    assert "go another way" not in out
    assert "In the same environment, the same way, but otherwise: client what curl sends" in out
    assert "requests knows no single sign-on, and sends no credentials there" in out
    explain(monkeypatch, "wss://h.test", https_proxy="http://:@p.test")
    out = " ".join(capsys.readouterr().out.split())
    assert "others would go another way: client route why curl http://" in out
    assert "The same way as here, but otherwise: client what Go" in out


@pytest.mark.parametrize("url", ["tcp://h.test:5", "tls://h.test:5"])
def test_dialer(monkeypatch: pytest.MonkeyPatch, capsys: Capture, url: str) -> None:
    """What the dialer connects to is explained too; no other client knows such URLs."""
    assert explain(monkeypatch, url, socks_proxy="p.test") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{url} is reached through socks5h://p.test:1080\n")
    assert "curl" not in out
    assert explain(monkeypatch, "--json", url) == 0
    assert json.loads(capsys.readouterr().out)["others"] == []


def test_explicit(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """``--proxy`` may be given more than once, and is not compared with the environment."""
    chain = ("--proxy", "http://a.test:1", "--proxy", "socks5h://b.test:2")
    assert explain(monkeypatch, "wss://h.test", *chain, https_proxy="http://c.test:3") == 0
    out = capsys.readouterr().out
    assert "is reached through http://a.test:1, then socks5h://b.test:2\n" in out
    assert "a.test:1 ─CONNECT→ b.test:2 ─SOCKS5h→ h.test:443" in out
    assert "c.test" not in out
    assert "curl" not in out


def test_no_proxy(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """``--no-proxy`` is a direct connection, whatever the system says."""
    assert explain(monkeypatch, "--no-proxy", "wss://h.test", https_proxy="http://c.test:3") == 0
    assert capsys.readouterr().out.startswith("wss://h.test/ is reached directly\n")


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.corp/proxy.pac",
        "https://wpad.corp/wpad.dat?v=2",
        "http://proxy.corp:8080/getpac",
        "pac+http://proxy.corp/x",
        "file:///etc/proxy.pac",
    ],
)
def test_script_as_a_proxy(monkeypatch: pytest.MonkeyPatch, capsys: Capture, url: str) -> None:
    """Whoever names a PAC script as a proxy is told the option for it."""
    assert explain(monkeypatch, "-x", url, "wss://h.test") == 2
    err = capsys.readouterr().err
    assert err.startswith("--proxy: ")
    assert "PAC) file" in err
    assert "use --pac URL, or name it in the variable TRIO_WSPROXY_PAC (in " in err
    assert "PAC(" not in err
    assert explain(monkeypatch, "wss://h.test", https_proxy=url) == 2
    assert "https_proxy: " in (err := capsys.readouterr().err)
    assert "use --pac URL, or name it in the variable TRIO_WSPROXY_PAC" in err


def test_not_both(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """One cannot have both."""
    with pytest.raises(SystemExit) as excinfo:
        explain(monkeypatch, "--no-proxy", "--proxy", "http://p.test", "wss://h.test")
    assert excinfo.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_json(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """``--json`` writes one object that says the same."""
    assert explain(monkeypatch, "--json", "wss://h.test/x", all_proxy="socks5h://p.test") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert list(found) == [
        *("command", "ok", "error"),
        *("url", "target", "source", "hops", "trail", "picture"),
        *("alternatives", "notes", "scripts", "others"),
    ]
    assert found["url"] == "wss://h.test/x"
    assert found["target"] == "h.test:443"
    assert found["source"] == "environment variable all_proxy"
    assert found["hops"] == ["socks5h://p.test:1080"]
    assert found["trail"][0] == {
        "place": "environment variable no_proxy",
        "value": None,
        "outcome": "not set",
    }
    assert found["picture"].startswith("client ─tcp→ p.test:1080")
    assert [other["client"] for other in found["others"]] == [
        "curl",
        "Go",
        "requests",
        "websockets",
    ]
    assert found["others"][1] == {
        "client": "Go",
        "route": "direct",
        "differs": True,
        "why": "Go does not look at all_proxy",
    }
    assert err == ""


@pytest.mark.parametrize(
    ("url", "name", "value", "message"),
    [
        ("ftp://h.test", "no_proxy", "", "the scheme 'ftp' is not supported"),
        ("wss://h.test:x", "no_proxy", "", "the port is not a number"),
        ("wss://h.test", "https_proxy", "htp://p.test", "environment variable https_proxy: "),
        ("wss://h.test", "https_proxy", "http://p.test:x", "environment variable https_proxy: "),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_malformed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    url: str,
    name: str,
    value: str,
    message: str,
    *,
    as_json: bool,
) -> None:
    """A malformed URL or setting ends with 2 and says what is malformed, as JSON too if asked."""
    arguments = ["--json", url] if as_json else [url]
    assert explain(monkeypatch, *arguments, **{name: value}) == 2
    out, err = capsys.readouterr()
    assert message in err
    if not as_json:
        assert out == ""
        return
    told = json.loads(out)
    assert (told["command"], told["ok"]) == ("explain", False)
    assert told["error"]["message"] == err.strip()


SECRETS = f"ada:{SECRET}@"


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ([f"wss://{SECRETS}h.test/?token={SECRET}"], {}),
        ([f"wss://{SECRETS}h test/?token={SECRET}"], {}),
        ([f"wss://h.test/#{SECRET}"], {}),
        (["wss://h.test", "--proxy", f"http://{SECRETS}p.test"], {}),
        (["wss://h.test", "--proxy", f"htp://{SECRETS}p.test"], {}),
        (["wss://h.test"], {"https_proxy": f"http://{SECRETS}p.test"}),
        (["wss://h.test"], {"https_proxy": f"{SECRETS}p.test"}),
        (["wss://h.test"], {"https_proxy": f"http://{SECRET}@p.test"}),
        (["wss://h.test"], {"https_proxy": f"htp://{SECRETS}p.test"}),
        (["wss://h.test"], {"http_proxy": f"htp://{SECRETS}p.test"}),
        (["ws://h.test"], {"socks_proxy": "p.test", "http_proxy": f"http://a/{SECRETS}p.test"}),
        (["wss://h.test"], {"no_proxy": f"http://{SECRETS}h.test"}),
        (["wss://h.test"], {"no_proxy": f"{SECRETS}h.test,h.test"}),
        (
            ["wss://h.test"],
            {"all_proxy": "http://p.test", "NO_PROXY": f"{SECRETS}h.test,h.test", "no_proxy": "x"},
        ),
        (["wss://h.test"], {"socks_proxy": f"socks://{SECRETS}p.test", "REQUEST_METHOD": "GET"}),
    ],
)
def test_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    arguments: list[str],
    environ: dict[str, str],
    *,
    as_json: bool,
) -> None:
    """No password, token or key is shown, wherever it stands."""
    arguments = ["--json", *arguments] if as_json else arguments
    assert explain(monkeypatch, *arguments, **environ) in {0, 2}
    out, err = capsys.readouterr()
    assert out + err
    assert SECRET not in out + err


def test_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Lines are no longer than 80 columns where the values allow it."""
    entries = ",".join(f"host-{number}.test" for number in range(40))
    environ = {"all_proxy": "socks5://p.test:1080", "no_proxy": entries}
    assert explain(monkeypatch, "wss://h.test", **environ) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a setting holds cannot steer the terminal."""
    monkeypatch.setenv("no_proxy", "a.test\x1d\x85b.test")
    monkeypatch.setenv("https_proxy", "http://p.test")
    out = io.StringIO()
    arguments = make_parser("trio-wsproxy").parse_args(["explain", "wss://h.test"])
    assert _explain.run(arguments, Console(out, out)) == 0
    assert "a.test\\x1d\\x85b.test" in out.getvalue()
    assert not set("\x1d\x85\x1b") & set(out.getvalue())


def test_help(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """``--help`` has examples, and fits a terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as excinfo:
        _cli.main(["explain", "--help"])
    assert excinfo.value.code == 0
    out = capsys.readouterr().out
    assert "\nexamples:\n  trio-wsproxy explain " in out
    assert max(map(len, out.splitlines())) <= 80


# --- the documentation -------------------------------------------------------------------


EXAMPLES = [session(block) for block in blocks(PAGE) if block.language == "console"]


@pytest.mark.parametrize(("commands", "output"), EXAMPLES)
def test_page(monkeypatch: pytest.MonkeyPatch, capsys: Capture, commands: str, output: str) -> None:
    """The page shows what the command prints."""
    words = [word for word in shlex.split(commands) if word != "export"]
    start = words.index("trio-wsproxy")
    environ = dict(word.split("=", 1) for word in words[:start])
    assert words[start + 1] == "explain"
    explain(monkeypatch, *words[start + 2 :], **environ)
    out, err = capsys.readouterr()
    assert out + err == output


def test_page_has_examples() -> None:
    """The test above has something to look at."""
    assert len(EXAMPLES) >= 7


def test_pac(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> None:
    """A PAC script is asked: its answer, the alternatives and which would be tried are shown."""
    pytest.importorskip("quickjs")
    path = tmp_path / "proxy.pac"
    path.write_text('function FindProxyForURL() { return "PROXY p.test:1; DIRECT"; }')
    monkeypatch.chdir(tmp_path)
    assert explain(monkeypatch, "wss://example.org/chat", TRIO_WSPROXY_PAC=path.name) == 0
    out = " ".join(capsys.readouterr().out.split())  # lines are broken to the terminal's width
    assert "is reached through http://p.test:1 decided by: PAC script " in out
    assert "'PROXY p.test:1; DIRECT': its answer, after " in out
    assert "'http://p.test:1': would be tried first" in out
    assert "'DIRECT': would be tried if those before it fail" in out


def test_pac_option(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> None:
    """``--pac`` is named as it was typed; JSON has the answer, what was looked up, and all ways."""
    pytest.importorskip("quickjs")
    path = tmp_path / "proxy.pac"
    path.write_text('function FindProxyForURL() { return "PROXY p.test:1; FOO x; DIRECT"; }')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("https_proxy", "http://other.test:1")
    assert explain(monkeypatch, "wss://h.test/?token", "--json", "--pac", "proxy.pac") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["source"] == "PAC script proxy.pac"
    assert told["trail"][0]["place"] == "--pac"
    assert told["hops"] == ["http://p.test:1"]
    assert [way["hops"] for way in told["alternatives"]] == [["http://p.test:1"], []]
    assert [way["bad_for"] for way in told["alternatives"]] == [0, 0]
    (script,) = told["scripts"]
    assert script.pop("seconds") >= 0
    assert script == {
        "source": "proxy.pac",
        "characters": 70,
        "asked": "wss://h.test/",
        "answer": "PROXY p.test:1; FOO x; DIRECT",
        "odd": ["'FOO x' is no kind of proxy that is known"],
        "names": [],
        "runs": 1,
    }
    assert told["notes"] == [f"PAC script proxy.pac: passed over: {script['odd'][0]}"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "--pac: the source is empty"),
        (
            "ftp://ada:sEcReT-77@h/p",
            "--pac: a PAC script is at an http://, https:// or file:// URL",
        ),
        ("/nowhere.pac", "--pac: the PAC script /nowhere.pac cannot be loaded: No such file"),
    ],
)
def test_pac_option_that_is_no_good(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, source: str, says: str
) -> None:
    """A ``--pac`` that cannot be used is an error that names the option."""
    assert explain(monkeypatch, "wss://h.test", "--pac", source) == 2
    err = capsys.readouterr().err
    assert err.startswith(says)
    assert SECRET not in err


@pytest.mark.parametrize("other", [["--proxy", "http://p"], ["--no-proxy"]])
def test_pac_or_another(monkeypatch: pytest.MonkeyPatch, capsys: Capture, other: list[str]) -> None:
    """``--pac`` goes with no other option that says the way."""
    with pytest.raises(SystemExit) as caught:
        explain(monkeypatch, "wss://h.test", "--pac", "/p", *other)
    assert caught.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_pac_that_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path, as_json: bool
) -> None:
    """A script that cannot be loaded is an error with the words of the command line."""
    monkeypatch.setenv("TRIO_WSPROXY_PAC", str(tmp_path / "nowhere.pac"))
    assert explain(monkeypatch, "wss://example.org", *["--json"] * as_json) == 2
    out, err = capsys.readouterr()
    said = "environment variable TRIO_WSPROXY_PAC: the PAC script "
    assert said in err
    assert "No such file or directory" in err
    if as_json:
        assert said in json.loads(out)["error"]["message"]
