"""What a network is like: checked at once, and written as the code that makes it again."""

from __future__ import annotations

import pytest

from trio_wsproxy.testing import simulate
from trio_wsproxy.testing.simulate import At, Chance, Fault, Link, Network


@pytest.mark.parametrize(
    "network",
    [
        Network(),
        Network(hosts={"a.test": ("10.0.0.2", "fd00::2")}, black_holes=("10.8.8.8",)),
        Network(link=Link(latency=(0, 1), bandwidth=10), faults=Chance(0.5, (Fault.CUT,), until=3)),
        Network(links={("here", "a.test"): Link(jitter=0)}, faults=At({3: Fault.STALL})),
    ],
)
def test_written_as_code(network: Network) -> None:
    """What is printed makes it again."""
    names = {**vars(simulate), "inf": float("inf")}
    assert eval(repr(network), names) == network


def test_only_what_differs() -> None:
    """What is as usual is not written."""
    assert repr(Network(link=Link(jitter=0.5))) == "Network(link=Link(jitter=0.5))"


def test_refused() -> None:
    """What makes no sense is refused where it is written."""
    for hosts in ({"here": ("10.0.0.2",)}, {"a.test": "10.0.0.2"}, {"a.test": ("a.b",)}):
        with pytest.raises(ValueError, match=r"hosts=|does not appear"):
            Network(hosts=hosts)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match="range"):
        Link(latency=(2, 1))
    with pytest.raises(ValueError, match="above 0"):
        Link(bandwidth=0)


def test_links() -> None:
    """Some pairs have a link of their own, in either direction; a host has a fast one with itself."""
    special = Link(jitter=0.5)
    network = Network(
        hosts={"a.test": ("10.0.0.2",), "b.test": ("10.0.0.3",)},
        links={("a.test", "b.test"): special},
    )
    assert network.between("b.test", "a.test") == network.between("a.test", "b.test") == special
    assert network.between("here", "a.test") == network.link
    assert network.between("here", "here").latency[1] < 0.001
    assert network.host_of("10.0.0.3") == "b.test"
    assert network.host_of("10.0.0.1") == "here"
    assert network.host_of("10.5.5.5") is None
