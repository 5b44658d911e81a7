"""No code reads our own prose: what is decided by the text of a message breaks with a changed word.

What is looked for are comparisons, string methods and regular expressions which work on a message (the
text of an exception, of words, of a log record, and names that such a text was given), or with a
phrase, a literal of several words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import trio_wsproxy

ROOT = Path(trio_wsproxy.__file__).parent
CUTTING = {
    "count",
    "endswith",
    "find",
    "index",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rpartition",
    "rsplit",
    "split",
    "splitlines",
    "startswith",
}
MATCHING = {"findall", "finditer", "fullmatch", "match", "search", "split", "sub"}
TELLING = {"as_options", "explain", "getMessage", "message", "refused_by_proxy", "render", "told"}
ERRORS = {"exc", "err", "error", "failure"}
PHRASE = re.compile(r"\w[,;:]? \w")

# What is found and stays, with the reason.
ALLOWED = {
    **dict.fromkeys(
        [
            ("_routing/_pac_engine.py", line)
            for line in (
                "_LINE.search(said)",
                "said.partition('\\n')",
                "first.startswith(('InternalError: out of memory', 'MemoryError'))",
            )
        ],
        "the JavaScript engine's text, not ours; it says in no other way which limit was reached",
    ),
    (
        "testing/simulate/_pace.py",
        "thread.name.startswith('Trio thread')",
    ): "the name of a thread",
    (
        "_routing/_route.py",
        "place.startswith(_VARIABLE)",
    ): "the form of a place is documented, and here it is made and read, next to each other",
    (
        "_transport/_tls_failure.py",
        "_UNNAMED.fullmatch(text)",
    ): "OpenSSL's text, not ours; Python has no name for some of its reasons",
}


def is_message(node: ast.AST, names: set[str]) -> bool:
    """Whether an expression is the text of a message."""
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        if called == "str" and node.args:
            return ast.unparse(node.args[0]).rpartition(".")[2] in ERRORS | names | {"words"}
        if called in CUTTING | {"lower", "upper", "strip", "casefold"}:
            return isinstance(node.func, ast.Attribute) and is_message(node.func.value, names)
        return called in TELLING
    if isinstance(node, ast.Subscript):
        return ast.unparse(node.value).endswith(".args")
    if isinstance(node, ast.JoinedStr):
        return any(
            isinstance(part, ast.FormattedValue)
            and (is_message(part.value, names) or ast.unparse(part.value) in ERRORS)
            for part in node.values
        )
    return False


def is_phrase(node: ast.AST, phrases: set[str]) -> bool:
    """Whether an expression is a literal of several words, or the name of one."""
    if isinstance(node, ast.Name):
        return node.id in phrases
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return isinstance(node, ast.Tuple) and any(is_phrase(x, phrases) for x in node.elts)
    return PHRASE.search(node.value) is not None


def messages_in(scope: ast.AST) -> set[str]:
    """The names that a message is given in a function."""
    names: set[str] = set()
    for _ in range(2):  # a name may be given to another one
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and is_message(node.value, names):
                names |= {x.id for x in node.targets if isinstance(x, ast.Name)}
    return names


def phrases_in(tree: ast.Module) -> set[str]:
    """The constants of a module that are phrases."""
    return {
        x.id
        for node in tree.body
        if isinstance(node, ast.Assign) and is_phrase(node.value, set())
        for x in node.targets
        if isinstance(x, ast.Name)
    }


def decisions_in(scope: ast.AST, phrases: set[str]) -> Iterator[ast.expr]:
    """What reads messages or looks for phrases in a function, or outside of all."""
    names = messages_in(scope)
    for node in ast.walk(scope):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            looks = any(isinstance(x, (ast.In, ast.NotIn)) for x in node.ops)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            called = node.func.attr
            looks = called in CUTTING | MATCHING
            if not looks:
                continue
            sides = [of, *node.args]
        else:
            continue
        if any(is_message(side, names) for side in sides) or (
            looks and any(is_phrase(side, phrases) for side in sides)
        ):
            yield node


def found_in(source: str) -> set[str]:
    """All that is found in a module, as source text."""
    tree = ast.parse(source)
    functions = [
        n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    phrases = phrases_in(tree)
    return {
        ast.unparse(node) for scope in (tree, *functions) for node in decisions_in(scope, phrases)
    }


@pytest.mark.parametrize(
    "line",
    [
        'if "not speak TLS" in text: pass',
        'text.startswith("the connection is lost")',
        'if "x" in str(exc): pass',
        'str(error).replace("a", "b")',
        "exc.args[0].partition(':')",
        're.sub("a", "b", record.getMessage())',
        'text = str(exc)\nother = text\nother.rpartition("x")',
        're.match("proxy=", message(error))',
        'report.render(80).split("x")',
        'if str(failure.words) == "no": pass',
        'look.place.removeprefix("environment variable ")',
        'f"{exc}".endswith("x")',
        'NAME = "the name of"\ntext.removeprefix(NAME)',
    ],
)
def test_decisions_are_found(line: str) -> None:
    """Each way in which prose was, or might be, used as an API is found."""
    assert found_in(line)


@pytest.mark.parametrize(
    "line",
    [
        'host.startswith("[")',
        'if "x" in names: pass',
        "raise ValueError(str(exc))",
        'if failure.kind is Kind.NO_TLS: text = "does not speak TLS"',
        'text = f"the {name} of {thing}"',
    ],
)
def test_the_rest_is_not(line: str) -> None:
    """Other strings may be cut and compared, and messages may be passed on."""
    assert not found_in(line)


PATHS = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_reads_prose(path: Path) -> None:
    """No module decides by the text of a message."""
    name = str(path.relative_to(ROOT))
    found = found_in(path.read_text(encoding="utf-8"))
    assert {line for line in found if (name, line) not in ALLOWED} == set()


def test_nothing_is_allowed_in_vain() -> None:
    """What is allowed is there."""
    for name, line in ALLOWED:
        assert line in found_in((ROOT / name).read_text(encoding="utf-8"))
