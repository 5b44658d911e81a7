"""What a network is like: checked at once, and written as the code that makes it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trio_wsproxy.testing import simulate
from trio_wsproxy.testing.simulate import At, Chance, Fault, Link, Network

ANY: Any = simulate  # for what a type checker would refuse, too


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


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: ANY.Network(hosts=["a"]), TypeError, "hosts is a mapping such as {"),
        (lambda: ANY.Network(hosts={"a": None}), TypeError, "is a tuple such as"),
        (lambda: ANY.Network(hosts={"a": (5,)}), TypeError, "and has 5"),
        (lambda: ANY.Network(hosts={1: ("10.0.0.2",)}), ValueError, "names other than"),
        (lambda: ANY.Network(hosts={"a": ("10.0.0.2:80",)}), ValueError, "hosts={'a'.*not appear"),
        (
            lambda: ANY.Network(hosts={"a": ("127.0.0.1",)}),
            ValueError,
            "127.0.0.1 belongs to no host",
        ),
        (lambda: ANY.Network(hosts={"a": ("::",)}), ValueError, ":: belongs to no host"),
        (lambda: ANY.Network(hosts={"localhost": ("10.0.0.2",)}), ValueError, "no name server"),
        (lambda: ANY.Network(hosts={"10.0.0.5": ("10.0.0.2",)}), ValueError, "no name server"),
        (lambda: ANY.Network(hosts={"A": (), "a.": ()}), ValueError, "each name once"),
        (lambda: ANY.Network(link=5), TypeError, r"link is a Link\(…\), not 5"),
        (lambda: ANY.Network(links={"here": Link()}), TypeError, "a key of links is a tuple"),
        (lambda: ANY.Network(links={("here", "here"): Link()}), ValueError, "a pair of names"),
        (lambda: ANY.Network(links={("here",): Link()}), ValueError, "a pair of names"),
        (lambda: ANY.Network(hosts={"a": ()}, links={("here", "a"): 5}), TypeError, r"a Link\(…\)"),
        (lambda: ANY.Network(links=[1]), TypeError, "links is a mapping such as"),
        (lambda: ANY.Network(black_holes="10.0.0.2"), TypeError, "black_holes is a tuple such as"),
        (lambda: ANY.Network(dns_latency=1), TypeError, "dns_latency is a range of seconds"),
        (lambda: ANY.Network(faults=0.1), TypeError, r"faults is a plan such as Chance\(0.01\)"),
        (lambda: ANY.Network(faults=Chance), TypeError, "faults is a plan such as"),
        (
            lambda: ANY.Network(faults=Chance(0.1, host="b")),
            ValueError,
            "no host 'b'; it has 'here'",
        ),
        (lambda: ANY.Link(latency=5), TypeError, "latency is a range of seconds such as"),
        (lambda: ANY.Link(latency=(1,)), ValueError, "latency .* is no range"),
        (lambda: ANY.Link(latency=(0, float("inf"))), ValueError, "is no range"),
        (
            lambda: ANY.Link(latency=("a", "b")),
            TypeError,
            "latency, each of .* is a number, not 'a'",
        ),
        (lambda: ANY.Link(jitter=-1), ValueError, "jitter=-1: a number, not below 0"),
        (lambda: ANY.Link(jitter=float("nan")), ValueError, "jitter=nan"),
        (lambda: ANY.Link(bandwidth="x"), TypeError, "bandwidth is a number, not 'x'"),
        (lambda: ANY.Link(send_buffers=()), ValueError, r"send_buffers=\(\): at least one"),
        (lambda: ANY.Link(send_buffers=4096), TypeError, "send_buffers is a tuple such as"),
        (lambda: ANY.Link(receive_buffers=(0,)), ValueError, "at least 1"),
        (lambda: ANY.Link(fragmentation="x"), TypeError, "fragmentation is a number, not 'x'"),
        (lambda: ANY.Chance(None), TypeError, "probability is a number, not None"),
        (lambda: ANY.Chance(0.1, ()), ValueError, "at least one Fault"),
        (lambda: ANY.Chance(0.1, "fail"), TypeError, "kinds is a tuple such as"),
        (lambda: ANY.Chance(0.1, ("fail",)), TypeError, "and has 'fail'"),
        (lambda: ANY.Chance(0.1, Fault.FAIL), TypeError, "kinds is a tuple such as"),
        (lambda: ANY.Chance(0.1, until="x"), TypeError, "until is a number"),
        (lambda: ANY.At([1]), TypeError, r"At\(faults\) is a mapping such as"),
        (lambda: ANY.At({0: Fault.FAIL}), ValueError, "the number of an operation=0"),
        (lambda: ANY.At({"1": Fault.FAIL}), TypeError, "is a whole number, not '1'"),
        (lambda: ANY.At({1: "fail"}), TypeError, "a Fault, such as Fault.FAIL"),
    ],
)
def test_mistakes(make: Callable[[], object], error: type[Exception], told: str) -> None:
    """A value of the wrong type, or one that would do nothing, is refused with words, where it is written."""
    with pytest.raises(error, match=told):
        make()


def test_names_that_are_not_ascii() -> None:
    """They are looked up as trio does it, and may be written either way."""
    network = Network(hosts={"Bücher.test": ("10.0.0.2",)}, faults=Chance(0.1, host="bücher.test"))
    assert network.addresses_of("bücher.TEST.") == ("10.0.0.2",)
    assert network.machine("xn--bcher-kva.test") == "xn--bcher-kva.test"


def test_the_host_of_a_chance() -> None:
    """It is the machine, whichever of its names was written."""
    hosts = {"www.test": ("10.0.0.2",), "mail.test": ("10.0.0.2",)}
    network = Network(hosts=hosts, faults=Chance(0.1, host="Mail.test."))
    assert network.faults == Chance(0.1, host="www.test")


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
