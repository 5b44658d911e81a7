"""The house: imports point downward only, and each speciality has one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import trio_wsproxy

ROOT = Path(trio_wsproxy.__file__).parent
PACKAGE = ROOT.name

# From bottom to top; a module or folder may import itself and what stands before it. A new
# module gets its place here.
ORDER = [
    "_version",
    "_defaults",
    "_public",
    "_lazy",
    "_records",
    "_threads",
    "_redaction",
    "_failures",
    "_http",
    "_exceptions",
    "_auth",
    "_urls",
    "_routing",
    "_report",
    "_transport",
    "_websocket",
    "_client",
    "_httpcore",
    "_face",
    "__init__",
    "httpcore",
    "httpcore2",
    "testing",
    "_cli",
    "__main__",
]
# What points upward for the sake of an annotation alone, and is never imported.
FOR_CHECKERS = {
    # An error has the report of a dial, and the report is made of errors.
    ("trio_wsproxy._exceptions._connecting", "trio_wsproxy._report"),
}
ROOMS = {"_websocket", "_routing", "_transport"}


def module_name(path: Path) -> str:
    """The name that a file is imported under."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join((PACKAGE, *parts)).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """All of a module but what only type checkers read: they may look upward."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from running(other)
        else:
            yield from running(child)


def imports_of(name: str) -> Iterator[str]:
    """All that a module imports anywhere in it, under absolute names."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in running(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*(base if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in MODULES else source


def own_imports_of(name: str) -> set[str]:
    """Those of a module's imports that are modules of this package, but for FOR_CHECKERS."""
    return {x for x in imports_of(name) if x in MODULES and (name, x) not in FOR_CHECKERS}


def place(name: str) -> str:
    """The entry of ORDER that a module belongs to."""
    return name.split(".")[1] if "." in name else "__init__"


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_downward(name: str) -> None:
    """A module imports its own folder and what stands below it, nothing else."""
    assert place(name) in ORDER, f"{name} has no place in ORDER"
    for other in own_imports_of(name):
        if place(other) != place(name):
            assert ORDER.index(place(other)) < ORDER.index(place(name)), f"{name} imports {other}"


@pytest.mark.parametrize(("name", "other"), FOR_CHECKERS)
def test_for_checkers(name: str, other: str) -> None:
    """What points upward is seen by type checkers only."""
    blocks = [
        node
        for node in TREES[name].body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    inside = [x for block in blocks for y in block.body for x in ast.walk(y)]
    importing = [
        node
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.ImportFrom) and node.module in (other, other.rpartition(".")[2])
    ]
    assert importing
    assert all(node in inside for node in importing)


def test_no_circles() -> None:
    """Nor do modules of one folder import each other in a circle."""
    graph = {name: own_imports_of(name) - {name} for name in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("name", MODULES)
def test_rooms(name: str) -> None:
    """_websocket knows neither of the other two rooms, and only _client knows all three."""
    known = {place(other) for other in own_imports_of(name)} & ROOMS
    if place(name) == "_websocket":
        assert known <= {"_websocket"}
    elif place(name) not in ("_client", "_face"):
        assert known < ROOMS


def test_no_servers_in_the_client() -> None:
    """Only the command line uses the test servers; importing the client does not load them."""
    users = {
        place(name)
        for name in MODULES
        for other in own_imports_of(name)
        if place(other) == "testing"
    }
    assert users <= {"testing", "_cli"}


@pytest.mark.parametrize(
    ("library", "only"),
    [
        ("python_socks", {"trio_wsproxy._transport._socks"}),
        ("spnego", {"trio_wsproxy._auth._spnego"}),
        ("quickjs", {"trio_wsproxy._routing._pac_engine"}),
        ("httpcore", {"trio_wsproxy._httpcore._httpx"}),
        ("httpx", {"trio_wsproxy._httpcore._httpx"}),
        ("httpcore2", {"trio_wsproxy._httpcore._httpx2"}),
        ("httpx2", {"trio_wsproxy._httpcore._httpx2"}),
        ("trustme", {"trio_wsproxy.testing._certificates"}),
        ("rich", {"trio_wsproxy._cli._console"}),
        ("shtab", {"trio_wsproxy._cli._completion"}),
        (
            "wsproto",
            {
                "trio_wsproxy._websocket._answer",
                "trio_wsproxy._websocket._opening",
                "trio_wsproxy._websocket._protocol",
                "trio_wsproxy._websocket._settings",
                "trio_wsproxy._websocket._slow_lane",
                "trio_wsproxy._websocket._deflate",
            },
        ),
    ],
)
def test_one_importer(library: str, only: set[str]) -> None:
    """A library that has its place in the house is imported there and nowhere else."""
    users = {
        name for name in MODULES for other in imports_of(name) if other.partition(".")[0] == library
    }
    assert users == only


def test_one_command_line() -> None:
    """Only the modules of the command line know argparse, and what runs a simulated universe from a shell."""
    users = {name for name in MODULES if "argparse" in imports_of(name)}
    users = {name for name in users if place(name) != "_cli"}
    assert users == {"trio_wsproxy.testing.simulate.__main__"}


def test_one_reader_of_the_system() -> None:
    """Only _system.py looks at the environment, and _desktop at the registry and the settings of macOS.

    But for NO_COLOR and the terminal's type and width, which are the console's, and PYTHONHASHSEED, which is Python's.
    """
    telltales = {"environ", "environb", "getenv", "winreg", "_scproxy", "urllib.request"}
    users = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in telltales
            and ast.unparse(node.value) == "os"
        )
        or (isinstance(node, ast.Constant) and node.value in telltales)
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }
    users |= {name for name in MODULES if telltales & set(imports_of(name))}
    assert users == {
        "trio_wsproxy._routing._system",
        "trio_wsproxy._routing._desktop._reading",
        "trio_wsproxy._cli._console",
        "trio_wsproxy.testing.simulate._again",
    }


def test_one_reader_of_desktops() -> None:
    """Programs are started by what reads the desktop's settings, and by nobody else."""
    users = {name for name in MODULES if "subprocess" in imports_of(name)}
    assert users == {"trio_wsproxy._routing._desktop._asking"}


def _documentation(tree: ast.AST) -> set[ast.AST]:
    """The docstrings of a module and of all that is in it."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def test_one_room_masks() -> None:
    """Nobody but _redaction writes asterisks for a secret or asks what is printable."""
    masking = {
        place(name)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (
            isinstance(node, ast.Constant)
            and "***" in str(node.value)
            and node not in _documentation(tree)
        )
        or (isinstance(node, ast.Attribute) and node.attr == "isprintable")
        or (isinstance(node, ast.Name) and "PRINTABLE" in node.id)
    }
    assert masking == {"_redaction"}


# Longer than MAX_FILE, each with its reason.
LONG_FILES = {
    "trio_wsproxy._websocket._connection": "public docstrings",
}
# Longer than MAX_FUNCTION, likewise.
LONG_FUNCTIONS: dict[str, str] = {}
MAX_FILE = 400  # lines
MAX_FUNCTION = 50  # lines, without the docstring


def docstring_lines(node: ast.AST) -> int:
    """How many lines the docstring of a module, class or function takes."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if not isinstance(node, kinds) or ast.get_docstring(node) is None:
        return 0
    text = node.body[0]
    assert text.end_lineno is not None
    return text.end_lineno - text.lineno + 1


def test_size_of_files() -> None:
    """No file is too long to be read in one sitting, but for those named; -s prints them all."""
    sizes = {name: path.read_text("utf-8").count("\n") for name, path in MODULES.items()}
    documentation = {name: sum(map(docstring_lines, ast.walk(TREES[name]))) for name in MODULES}
    for part in ORDER:
        own = {name: size for name, size in sizes.items() if place(name) == part}
        print(f"{sum(own.values()):6} {part}")  # noqa: T201  # for whoever asks how large it is
        for name, size in own.items():
            print(f"{size:12} {documentation[name]:4} {name}")  # noqa: T201  # likewise
    assert {name for name, size in sizes.items() if size > MAX_FILE} <= set(LONG_FILES)
    assert all(sizes[name] - documentation[name] <= MAX_FILE for name in LONG_FILES)


def test_size_of_functions() -> None:
    """No function is too long to be seen at once, but for those named."""
    long = {
        f"{name}.{node.name}": size
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for size in [(node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node)]
        if size > MAX_FUNCTION
    }
    assert set(long) <= set(LONG_FUNCTIONS)
