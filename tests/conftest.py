"""Options of the whole suite."""

import sys

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ours to pytest's command line."""
    parser.addoption(
        "--no-speedups",
        action="store_true",
        help="run as where the C extension was not built",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hide the C extension before anything imports the package."""
    if config.getoption("--no-speedups"):
        assert "trio_wsproxy" not in sys.modules
        sys.modules["trio_wsproxy._websocket._speedups"] = None  # type: ignore[assignment]
