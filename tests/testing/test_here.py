"""Where servers for tests may listen: loopback, and anywhere in a simulated network."""

from __future__ import annotations

import pytest
import trio

from trio_wsproxy.testing import open_echo_server, simulate
from trio_wsproxy.testing._here import in_a_universe


async def test_in_the_real_network() -> None:
    """Here it is loopback or nothing."""
    assert not in_a_universe()
    with pytest.raises(ValueError, match="not a loopback address"):
        async with open_echo_server(host="10.0.0.1"):
            pass


def test_in_a_universe() -> None:
    """There it is any address that the host has."""

    async def main() -> None:
        assert in_a_universe()
        async with open_echo_server(host="10.0.0.1") as echo:
            assert echo.url.startswith("ws://10.0.0.1:")
        with pytest.raises(OSError, match="assign"):
            async with open_echo_server(host="10.0.0.2"):
                pass
        await trio.lowlevel.checkpoint()

    simulate.run(main, seed=1)
