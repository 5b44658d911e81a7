"""Where servers for tests may listen, and what proxies for tests may dial.

In a real network: loopback, so that no test reaches out by mistake. In a simulated one: anywhere, for no
packet leaves it.
"""

from __future__ import annotations

import trio

IN_A_UNIVERSE: trio.lowlevel.RunVar[bool] = trio.lowlevel.RunVar("trio_wsproxy.in_a_universe")


def in_a_universe() -> bool:
    """Tell whether this run of trio is a simulated one; see :mod:`trio_wsproxy.testing.simulate`."""
    return IN_A_UNIVERSE.get(False)  # a default, as for any variable
