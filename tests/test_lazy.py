"""What importing the package leaves for later."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import trio_wsproxy
from trio_wsproxy._lazy import lazy_pattern

# What only errors, a ~/.netrc and the command line need; trio and trio-websocket import none of it.
LEFT_OUT = {
    "argparse",
    "html",
    "html.entities",
    "http",
    "netrc",
    "shlex",
    "trio_wsproxy._cli",
    "trio_wsproxy._client._pac_world",
    "trio_wsproxy._httpcore",
    "trio_wsproxy._routing._desktop",
    "trio_wsproxy._routing._keyring",
    "trio_wsproxy._routing._netrc",
    "trio_wsproxy._routing._pac",
    "trio_wsproxy._transport._channel_binding",
    "trio_wsproxy._transport._socks",
    "trio_wsproxy.testing",
}


def test_import_leaves_out_what_few_need() -> None:
    """Importing the package in a fresh process imports nothing that only few programs need."""
    # What is there before is not ours: measuring coverage, for example, brings the module html.
    code = (
        "import sys; before = set(sys.modules)\n"
        "from trio_wsproxy import open_websocket_url; print(*set(sys.modules) - before)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "trio_wsproxy._client._open" in loaded
    assert loaded & LEFT_OUT == set()


def test_the_package_alone_imports_nothing() -> None:
    """Importing the package without a name brings neither trio nor any other library, nor a room."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import trio_wsproxy; trio_wsproxy.__version__; print(*set(sys.modules) - before)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"trio_wsproxy"}
    assert {name for name in run.stdout.split() if name.startswith("trio_wsproxy.")} == {
        "trio_wsproxy._version"
    }


def test_unknown_names() -> None:
    """A name that is not there is an AttributeError, a private one without importing anything."""
    with pytest.raises(AttributeError, match=r"^module 'trio_wsproxy' has no attribute 'nothing'$"):
        trio_wsproxy.nothing  # type: ignore[attr-defined]  # that is what is tried  # noqa: B018
    code = (
        "import sys, trio_wsproxy\n"
        "assert not hasattr(trio_wsproxy, '_nothing') and 'trio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_compiles_no_lazy_pattern() -> None:
    """Importing the package compiles none of the patterns that are to wait for their first use."""
    code = (
        "import trio_wsproxy._lazy as lazy\n"
        "lazy._Lazy.__getattr__ = lambda self, name: 1 / 0\n"
        "from trio_wsproxy import open_websocket_url\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pattern_is_compiled_at_first_use() -> None:
    """A lazy pattern says that it is malformed when it is used, not when it is made."""
    pattern = lazy_pattern("(")
    with pytest.raises(re.error):
        pattern.search("")


@pytest.mark.parametrize("uses", [1, 2])
def test_pattern_matches_as_a_compiled_one(uses: int) -> None:
    """A lazy pattern has the flags, methods and attributes of a compiled one, at each use."""
    pattern = lazy_pattern(rb"a(b)?", re.IGNORECASE)
    for _ in range(uses):
        assert pattern.sub(b"-", b"AbxA") == b"-x-"
        assert (pattern.pattern, pattern.groups) == (rb"a(b)?", 1)
