"""Lists of schemes, as they stand in TRIO_WSPROXY_AUTH."""

from __future__ import annotations

import pytest
from _wire import all_texts

from trio_wsproxy import ProxyConfigError
from trio_wsproxy._auth import parse_names, titles


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("negotiate", ("negotiate",)),
        ("Negotiate,NTLM", ("negotiate", "ntlm")),
        (" ntlm ,\tDIGEST  basic,", ("ntlm", "digest", "basic")),
        ("basic, ntlm, Basic", ("basic", "ntlm")),
        ("ntlm;Basic ; digest", ("ntlm", "basic", "digest")),
        ('"negotiate,ntlm"', ("negotiate", "ntlm")),
        ("'basic'|digest+ntlm", ("basic", "digest", "ntlm")),
        ("", ()),
        (" , ,", ()),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    """Whatever people put between names, in any case; the order is kept, each counts once."""
    assert parse_names(text, "here") == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "kerberos",
            "here: 'kerberos' is no scheme that is spoken with a proxy here; negotiate was",
        ),
        (
            "negotiate,ntml",
            "here: 'ntml' is no scheme that is spoken with a proxy here; ntlm was prob",
        ),
        (
            "anyauth",
            "here: 'anyauth' is no scheme that is spoken with a proxy here; use one or several",
        ),
        ("ada:s3cret", "here: a word in it (not shown here) is no scheme"),
        ("s3cret", "here: a word in it (not shown here) is no scheme"),
        ("basic;s3cret", "here: a word in it (not shown here) is no scheme"),
        ("s3cret" * 20_000, "here: a word in it (not shown here) is no scheme"),
    ],
)
def test_unknown_word(text: str, told: str) -> None:
    """A word that is no scheme is an error with those that are; it is shown if it is no secret."""
    with pytest.raises(ProxyConfigError) as caught:
        parse_names(text, "here")
    assert str(caught.value).startswith(told)
    assert "use one or several of negotiate, ntlm, digest, basic" in str(caught.value)
    assert "s3cret" not in all_texts(caught.value)


def test_titles() -> None:
    """Names are shown as proxies write them, each once."""
    assert titles(["ntlm", "Digest", "NTLM", "Ticket"]) == "NTLM, Digest, Ticket"
