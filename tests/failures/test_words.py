"""Words are put together late, for whoever reads them, and only templates are parsed."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import trio_wsproxy
from trio_wsproxy._failures import PARAMETERS, Topic, Words, render, words

OURS = {**PARAMETERS, Topic.PROXY: "--proxy"}
ROOT = Path(trio_wsproxy.__file__).parent


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call of ``words`` in the package, and where it stands."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "words":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


@pytest.mark.parametrize(
    ("said", "in_programs", "elsewhere"),
    [
        (words("no"), "no", "no"),
        (words("use {option}", option=Topic.PROXY), "use proxy=", "use --proxy"),
        (
            words("{what}; {remedy}", what="a {option}", remedy=words("{x}", x=Topic.PROXY)),
            "a {option}; proxy=",
            "a {option}; --proxy",
        ),
        (words("{n} of {share:.1f}, {name!r}", n=1, share=2, name="é"), "1 of 2.0, 'é'", None),
        (words("{name!r}", name=words("{x}", x=Topic.PROXY)), "'proxy='", "'--proxy'"),
    ],
)
def test_rendering(said: Words, in_programs: str, elsewhere: str | None) -> None:
    """Topics are called what the vocabulary says, at any depth; values are never parsed."""
    assert str(said) == in_programs
    assert said.render(OURS) == (in_programs if elsewhere is None else elsewhere)
    assert repr(said) == repr(in_programs)


def test_value() -> None:
    """What is no words and no topic is left as it is."""
    assert (render("{x}", OURS), render(3, OURS)) == ("{x}", 3)


def test_any_error_may_carry_words() -> None:
    """An error that is raised with words shows them in the words of programs, and is pickled."""
    error = ValueError(words("{option}: no", option=Topic.SUBPROTOCOLS))
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert (str(each), repr(each)) == ("subprotocols: no", "ValueError('subprotocols: no')")
        assert isinstance(each.args[0], Words)


def test_parameters() -> None:
    """There is a phrase for each topic."""
    assert set(PARAMETERS) == set(Topic)


@pytest.mark.parametrize(("place", "call"), [pytest.param(*pair, id=pair[0]) for pair in calls()])
def test_templates(place: str, call: ast.Call) -> None:
    """Each template is a literal, so that nothing foreign is parsed, and has a value for each slot."""
    (template,) = call.args
    assert isinstance(template, ast.Constant), place
    assert isinstance(template.value, str), place
    slots = {name for _, name, _, _ in Formatter().parse(template.value) if name is not None}
    assert slots == {keyword.arg for keyword in call.keywords}, place
