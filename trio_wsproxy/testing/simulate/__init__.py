"""A simulated network: a trio program in a universe of its own, which can be had again.

Time is virtual, the network is simulated, and all that is random comes from a seed; everything above the sockets is
the real code, TLS included::

    from contextlib import suppress

    from trio_wsproxy import ConnectionClosed, HandshakeError, open_websocket_url
    from trio_wsproxy.testing import open_echo_server, simulate

    async def main():
        universe = simulate.current_universe()
        async with universe.serve("echo.test", open_echo_server) as echo:
            with suppress(HandshakeError, ConnectionClosed):  # what may happen to it
                async with open_websocket_url(echo.url_for("echo.test")) as ws:
                    ...

    for seed in range(100):
        simulate.run(
            main,
            seed=seed,
            network=simulate.Network(
                hosts={"echo.test": ("10.0.0.2",)},
                faults=simulate.Chance(0.01),  # each operation may fail
            ),
        )

No private name of trio's is used. Certificates need the package cryptography, which comes with trustme: ``pip install
trustme``.
"""

from trio_wsproxy import _public

from ._certificates import Certificates
from ._faults import At, Chance, Fault, FaultPlan, Nothing, Operation, Struck
from ._many import RunUniverses
from ._network import Link, Network
from ._run import run
from ._search import pairs, shrink, torture
from ._trace import Trace
from ._universe import LeftOpen, NothingHappens, Universe, current_universe

__all__ = [
    "At",
    "Certificates",
    "Chance",
    "Fault",
    "FaultPlan",
    "LeftOpen",
    "Link",
    "Network",
    "Nothing",
    "NothingHappens",
    "Operation",
    "RunUniverses",
    "Struck",
    "Trace",
    "Universe",
    "current_universe",
    "pairs",
    "run",
    "shrink",
    "torture",
]

_public.show_as_public(__name__, map(globals().__getitem__, __all__))
