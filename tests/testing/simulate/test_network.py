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
        Network(
            hosts={"a.test": ("10.0.0.2",)},
            links={("here", "a.test"): Link(jitter=0)},
            faults=At({3: Fault.STALL}),
        ),
    ],
)
def test_written_as_code(network: Network) -> None:
    """What is printed makes it again."""
    names = {**vars(simulate), "inf": float("inf")}
    assert eval(repr(network), names) == network


def test_only_what_differs() -> None:
    """What is as usual is not written."""
    assert repr(Network(link=Link(jitter=0.5))) == "Network(link=Link(jitter=0.5))"
    assert repr(Chance(0.5)) == "Chance(probability=0.5)"
    assert repr(Chance(0.5, until=3)) == "Chance(probability=0.5, until=3)"


def test_refused() -> None:
    """What makes no sense is refused where it is written."""
    for hosts in ({"here": ("10.0.0.2",)}, {"a.test": "10.0.0.2"}, {"a.test": ("a.b",)}):
        with pytest.raises(ValueError, match=r"hosts=|does not appear"):
            Network(hosts=hosts)  # type: ignore[arg-type]  # that is the point
    for latency in ((2, 1), (-1, 1)):
        with pytest.raises(ValueError, match="range"):
            Link(latency=latency)
        with pytest.raises(ValueError, match="range"):
            Network(dns_latency=latency)
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValueError, match="probability"):
            Chance(wrong)
        for name in ("fragmentation", "late_ends", "lost_on_reset"):
            with pytest.raises(ValueError, match=f"{name}=.* is no probability"):
                Link(**{name: wrong})  # type: ignore[arg-type]  # each is a float
    with pytest.raises(ValueError, match="does not appear"):
        Network(black_holes=("far.test",))
    with pytest.raises(ValueError, match=r"no host 'fra.test'; it has 'here'"):
        Network(links={("here", "fra.test"): Link()})
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


def test_spelling() -> None:
    """Names are compared without case and final dot, addresses as addresses."""
    network = Network(
        hosts={"Echo.Test.": ("FD00:0::2", "10.0.0.2")},
        links={("HERE", "echo.test"): Link(jitter=0.5)},
        black_holes=("fd00:0000::9",),
    )
    assert network.hosts == {"echo.test": ("fd00::2", "10.0.0.2")}
    assert network.addresses_of("ECHO.TEST") == ("fd00::2", "10.0.0.2")
    assert network.between("Echo.test", "here").jitter == 0.5
    assert network.black_holes == ("fd00::9",)


def test_one_machine() -> None:
    """Names with a common address are one machine, at all of its addresses; so is this one by another name."""
    network = Network(
        hosts={
            "www.test": ("10.0.0.2",),
            "other.test": ("10.0.0.4",),
            "mail.test": ("10.0.0.3",),
            "both.test": ("10.0.0.2", "10.0.0.3"),
            "me.test": ("10.0.0.1",),
        }
    )
    assert {network.machine(n) for n in ("www.test", "mail.test", "both.test")} == {"www.test"}
    assert network.machine("me.test") == "here"
    assert network.machine("other.test") == "other.test"
    assert network.host_of("10.0.0.3") == "www.test"
    assert set(network.addresses_of("mail.test")) == {"10.0.0.2", "10.0.0.3"}
    assert network.addresses_of("mail.test")[0] == "10.0.0.3"


def test_no_such_host() -> None:
    """A name that is not there is told with those that are."""
    network = Network(hosts={"far.test": ("10.0.0.2",)})
    with pytest.raises(ValueError, match=r"no host 'fra.test'; it has 'here', 'far.test'"):
        network.addresses_of("fra.test")
