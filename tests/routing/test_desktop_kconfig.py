from __future__ import annotations

import pytest

from trio_wsproxy._routing._desktop._kconfig import Group

ENVIRON = {"NAME": "value", "HOME": "/home/ada"}


def read(*texts: str) -> dict[str, str]:
    """The values of the group "Proxy Settings", from the weakest file on."""
    group = Group("Proxy Settings", ENVIRON)
    for text in texts:
        group.add(text)
    return group.values


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("a=b", {"a": "b"}),
        (" a = b ", {"a": "b"}),
        ("a b=c=d", {"a b": "c=d"}),
        ("a=", {"a": ""}),
        ("# a=b", {}),
        ("a", {}),
        ("a[de]=b", {}),
        ("a[$e]=x$NAME", {"a": "xvalue"}),
        ("a[$e]=${NAME}y", {"a": "valuey"}),
        ("a[$e]=$NOTHING", {"a": ""}),
        ("a[$e]=$$5", {"a": "$5"}),
        ("a=$NAME", {"a": "$NAME"}),
        ("a[$ei]=$NAME", {"a": "value"}),
        ("a[$i]=b", {"a": "b"}),
        (r"a=b\sc\td\\e\x41", {"a": "b c\td\\eA"}),
        (r"a=\q", {"a": r"\q"}),
        ("a[$d]", {}),
        ("a=[b]", {"a": "[b]"}),
        ("a[=b", {}),
    ],
)
def test_lines(line: str, values: dict[str, str]) -> None:
    """Keys, flags, languages and escapes are read as KConfig has them."""
    assert read(f"[Proxy Settings]\n{line}\n") == values


def test_groups() -> None:
    """Only the one group counts, not one below it."""
    text = "a=0\n[Other]\na=1\n[Proxy Settings][Below]\na=2\n[Proxy Settings]\nb=3\n[Other]\nb=4\n"
    assert read(text) == {"b": "3"}


def test_ranks() -> None:
    """A later file wins, but not over what an earlier one has fixed: a key, a group, all of it."""
    own = "[Proxy Settings]\na=own\nb=own\n"
    assert read("[Proxy Settings]\na=1\nb[$i]=2\n", own) == {"a": "own", "b": "2"}
    assert read("[Proxy Settings][$i]\na=1\n", own) == {"a": "1"}
    assert read("[$i]\n[Proxy Settings]\na=1\n", own) == {"a": "1"}
    assert read("[Proxy Settings]\na=1\n", "[Proxy Settings]\na[$d]\n") == {}


def test_commands() -> None:
    """A command in a value is not run, and noted."""
    group = Group("Proxy Settings", ENVIRON)
    group.add("[Proxy Settings]\nhttpProxy[$e]=http://$(touch /tmp/x) 80\n")
    assert group.values == {"httpProxy": "http:// 80"}
    assert group.notes == ["the command in httpProxy is not run"]
