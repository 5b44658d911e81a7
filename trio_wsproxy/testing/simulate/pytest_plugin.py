"""A pytest fixture for simulated universes.

In your ``conftest.py``::

    pytest_plugins = ["trio_wsproxy.testing.simulate.pytest_plugin"]

and in a test, which is an ordinary function::

    def test_feed(universes: RunUniverses) -> None:
        universes(main, network=Network(faults=Chance(0.01)), count=50)

``pytest --universes 10000`` runs each such test in more of them, ``pytest --universe 123`` in one only: what the line behind
a failure names.
"""

from __future__ import annotations

import pytest

from trio_wsproxy.testing._settings import hide_proxy_settings

from ._again import in_shell
from ._many import RunUniverses


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ours to pytest's command line."""
    group = parser.getgroup("simulated universes")
    group.addoption("--universes", type=int, metavar="N", help="how many universes each test has")
    group.addoption("--universe", type=int, metavar="SEED", help="run this universe only")


@pytest.fixture
def universes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RunUniverses:
    """Run a program in many universes; see :class:`.RunUniverses`.

    The proxy settings of the machine that runs the test are hidden until it ends: they differ from the next one's.
    """
    hide_proxy_settings(monkeypatch)
    config = request.config
    plugin = ["-p", __name__]  # known then before the options are read
    return RunUniverses(
        # Without a default where a test module has named this plugin, which is too late for options.
        count=config.getoption("--universes", None),
        only=config.getoption("--universe", None),
        command=in_shell(config.rootpath, ["-m", "pytest", *plugin, request.node.nodeid]),
    )
