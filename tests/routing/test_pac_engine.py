"""One run of a script: its limits, and what it cannot reach. The corpus has the rest."""

from __future__ import annotations

import pytest

from trio_wsproxy._routing._pac_engine import MINE, Outcome, run_script

pytest.importorskip("quickjs")


def run(body: str, **known: tuple[str, ...]) -> tuple[Outcome, str, str | None]:
    """Run a script with this body."""
    script = f"function FindProxyForURL(url, host) {{ {body} }}"
    found = run_script(script, "wss://h/", "h", known, 0)
    return found.outcome, found.text, found.wanted


def test_answer() -> None:
    """The script gets URL and host, and its answer comes out."""
    assert run('return url + " " + host') == (Outcome.ANSWERED, "wss://h/ h", None)


def test_name() -> None:
    """A name that is not known ends the run, whatever the script does with what is thrown."""
    assert run('try { dnsResolve("db") } catch (e) {} return "x"')[2] == "db"
    assert run('return dnsResolve("DB")', db=("10.0.0.1",)) == (Outcome.ANSWERED, "10.0.0.1", None)
    assert run("return myIpAddress()")[2] == MINE
    assert run('return dnsResolve("__proto__") + ""')[2] == "__proto__"
    assert run('return dnsResolve("constructor") + ""')[2] == "constructor"


def test_alerts() -> None:
    """What a script tells is kept, so much and no more, and escaped."""
    script = 'function FindProxyForURL() { for (var i = 0; i < 99; i++) alert("\\x1b" + i); return "x"; }'
    alerts = run_script(script, "", "", {}, 0).alerts
    assert len(alerts) == 20
    assert "\x1b" not in alerts[0]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("for (;;) {}", Outcome.TOO_LONG),
        ('return "x".repeat(2 ** 29).length + ""', Outcome.TOO_LARGE),
        ("(function f() { f(); })()", Outcome.TOO_DEEP),
        ("throw new Error('\\u001b[31m http://ada:sEcReT@h/')", Outcome.THREW),
        ("throw {toString: null}", Outcome.THREW),
        ("throw {get stack() { throw 1; }}", Outcome.THREW),
        ("return Symbol('x')", Outcome.NO_TEXT),
        ("return 10n", Outcome.NO_TEXT),
        ("return new String('DIRECT')", Outcome.NO_TEXT),
    ],
)
def test_failures(body: str, outcome: Outcome) -> None:
    """Each way to fail is told apart; what is said of it is fit to be shown."""
    found, text, _ = run(body)
    assert found is outcome
    assert "\x1b" not in text
    assert "sEcReT" not in text


@pytest.mark.parametrize("script", ["a\0b", "var x = '\ud800'", "\ud800"])
def test_texts_that_are_none(script: str) -> None:
    """A script with a NUL or half a character in it is malformed, or harmless."""
    outcome = run_script(script, "", "", {}, 0).outcome
    assert outcome in (Outcome.MALFORMED, Outcome.NO_FUNCTION)


def test_runs_share_nothing() -> None:
    """Nothing of a run is left for the next one."""
    script = "var n = (this.n || 0) + 1; function FindProxyForURL() { return 'n' + n; }"
    assert [run_script(script, "", "", {}, 0).text for _ in range(2)] == ["n1", "n1"]
