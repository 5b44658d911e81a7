"""Every block of the documentation and of the README is checked by a test, which it names or falls under.

A new block needs a check: a comment beside it (``tests/support/_pages.py`` has its form, and gives a test
its blocks), or one of the rules below. A rule that no block falls under any more is to be deleted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from _pages import CHECKED, PAGES, ROOT, Block, all_blocks, blocks, is_program, is_snippet

from trio_wsproxy import PAC, resolve_proxy

BLOCKS = all_blocks()
# Comments with a form of their own, and who reads them.
COMMENTS = {
    "Shown by: ": "tests/test_messages.py",
    "The tests run this at squid's port ": "tests/real/test_company_page.py",
    "The tests read this table.": "tests/test_docs.py",
    "The tests read this table, too.": "tests/routing/test_page.py",
}


def before(block: Block) -> Block:
    """The one in front of it on its page; it itself, where it is the first."""
    page = next(page for page in PAGES if page.stem == block.page)
    return max((other for other in blocks(page) if other.line < block.line), default=block)


def is_command(line: str) -> bool:
    """Whether it is a command that is checked by its words, below."""
    return bool(re.match(r"(?:\$ )?(?:python -m )?pip install |\$ export |\$ kinit ", line))


RULES: dict[str, Callable[[Block], bool]] = {
    "tests/test_docs.py::test_program": lambda block: (
        is_program(block) or (block.output and is_program(before(block)))
    ),
    "tests/test_snippets.py::test_snippet": lambda block: (
        is_snippet(block) or (block.output and is_snippet(before(block)))
    ),
    "tests/testing/test_fixtures.py::test_what_the_page_shows": lambda block: (
        block.language == "python" and block.page == "testing"
    ),
    "tests/testing/simulate/test_page.py::test_all_are_tried": lambda block: (
        block.page == "simulate"
        and not block.source
        and (block.language == "python" or (block.output and before(block).language == "python"))
    ),
    "tests/test_examples.py": lambda block: block.source.startswith("examples/"),
    "tests/test_examples.py::test_readme": lambda block: block in blocks(ROOT / "README.md")[:2],
    "tests/cli/test_explain.py::test_page": lambda block: (
        block.page == "cli-explain" and block.language == "console"
    ),
    "tests/test_pages.py::test_command": lambda block: (
        block.language in ("", "::", "console") and all(map(is_command, block.text.splitlines()))
    ),
}
COMMANDS = [
    pytest.param(line.removeprefix("$ "), id=f"{block.page}-{block.line}-{number}")
    for block in BLOCKS
    if RULES["tests/test_pages.py::test_command"](block)
    for number, line in enumerate(block.text.splitlines())
]


def checks(block: Block) -> list[str]:
    """The tests that check a block."""
    by_comment = [test for said, test in COMMENTS.items() if block.comment.startswith(said)]
    if named := CHECKED.fullmatch(block.comment):
        by_comment.append(named[1])
    return by_comment or [test for test, falls_under in RULES.items() if falls_under(block)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}-{block.line}")
def test_is_checked(block: Block) -> None:
    """It has a check."""
    assert checks(block), block.name


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language == "python"],
    ids=lambda block: f"{block.page}-{block.line}",
)
def test_python_fits(block: Block) -> None:
    """Nobody has to scroll to read a snippet to the ends of its lines: 94 characters fit into furo's column."""
    assert max(map(len, block.text.splitlines())) <= 94


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_comments_have_a_block(page: Path) -> None:
    """What says that it is checked is a block, or the table that is read."""
    said = re.findall(
        r"^ *(?:\.\.|<!--) ((?:Checked by|Shown by|The tests) .*?\.?)(?: -->)?$",
        page.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    of_blocks = [block.comment for block in blocks(page) if block.comment in said]
    assert of_blocks == [line for line in said if "read this table" not in line]


@pytest.mark.parametrize("test", sorted({test for block in BLOCKS for test in checks(block)}))
def test_checks_are_there(test: str) -> None:
    """A check is a test of ours; one that a comment names asks for the blocks that name it."""
    file, _, function = test.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    if function:
        assert re.search(rf"^(?:async )?def {function}\(", text, re.MULTILINE)
    elif any(CHECKED.fullmatch(block.comment) and test in block.comment for block in BLOCKS):
        assert "checked_by(__file__)" in text


@pytest.mark.parametrize("test", RULES)
def test_rules_are_needed(test: str) -> None:
    """Each rule is some block's."""
    assert any(test in checks(block) for block in BLOCKS)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    """What is to be installed is what the package can use; what is exported is understood; realms are realms."""
    command = command.partition("  #")[0].strip()
    if command.startswith("export "):
        environ = dict(word.split("=", 1) for word in command.removeprefix("export ").split())
        PAC(environ.pop("TRIO_WSPROXY_PAC", "proxy.pac"))
        assert resolve_proxy("wss://example.org/", environ=environ).notes == ()
        return
    if command.startswith("kinit "):
        assert re.fullmatch(r"kinit \w+@[A-Z.]+", command)  # a realm has capital letters
        return
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    optional = project.partition("\n[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", optional, re.MULTILINE))
    packages = set(re.findall(r'"([\w.-]+)', optional))
    for word in command.partition(" install ")[2].replace("'", "").split():
        if ours := re.fullmatch(r"(?:\.|trio-wsproxy)\[([\w,]+)\]", word):
            assert set(ours[1].split(",")) <= extras
        else:
            assert word in (".", "-e") or word.partition("[")[0] in packages, word


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "a.rst",
            "x\n\n.. code-block:: text\n\n   one\n\n   two\n\nx\n",
            [("text", "one\n\ntwo\n")],
        ),
        ("a.rst", ".. code-block:: text\n   :caption: x\n\n   one\n", [("text", "one\n")]),
        ("a.rst", ".. code-block::\n\n   one\n", [("", "one\n")]),
        ("a.rst", ".. code:: text\n\n   one\n", [("code", "one\n")]),
        ("a.rst", ".. parsed-literal::\n\n   one\n", [("parsed-literal", "one\n")]),
        ("a.rst", ".. raw:: html\n\n   <pre>one</pre>\n", [("raw", "<pre>one</pre>\n")]),
        ("a.rst", "It says::\n\n   one\n\nx\n", [("::", "one\n")]),
        ("a.rst", "* It says\n\n  ::\n\n     one\n\n  x\n", [("::", "one\n")]),
        ("a.rst", "* x\n\n  .. code-block:: text\n\n     one\n\n  x\n", [("text", "one\n")]),
        ("a.rst", "x\n\n>>> 1\n1\n\nx\n", [("doctest", ">>> 1\n1\n")]),
        ("a.rst", ".. toctree::\n   :hidden:\n\n   one\n", []),
        ("a.rst", "x\n\n   a quotation\n", []),
        ("a.md", "x\n\n```\none\n```\nx\n", [("", "one\n")]),
        (
            "a.md",
            "```python\none\n```\n```text\ntwo\n```\n",
            [("python", "one\n"), ("text", "two\n")],
        ),
        ("a.md", '``` python title="x"\none\n```\n', [('python title="x"', "one\n")]),
        ("a.md", "~~~~\n```\n~~~~\n", [("", "```\n")]),
        ("a.md", "- x\n\n  ```\n  one\n  ```\n", [("", "one\n")]),
        ("a.md", "x\n\n    one\n\n    two\n\nx\n", [("::", "one\n\ntwo\n")]),
        ("a.md", "- x\n\n    more\n", []),
    ],
)
def test_blocks(tmp_path: Path, name: str, text: str, found: list[tuple[str, str]]) -> None:
    """Whatever shows text as it stands is found, and nothing else."""
    page = tmp_path / name
    page.write_text(text, encoding="utf-8")
    assert [(block.language, block.text) for block in blocks(page)] == found


@pytest.mark.parametrize("text", ["one\n", "$ trio-wsproxy demo\n"])
def test_what_nobody_checks(text: str) -> None:
    """A block without a comment falls under no rule: the tests above mean something."""
    for page in ("new", "proxies", "README"):
        for language in ("text", "console", "", "::", "json"):
            assert checks(Block(page, 10**6, language, text, "")) == []
