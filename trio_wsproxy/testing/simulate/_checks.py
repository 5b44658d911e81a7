"""What a universe is given, looked at where it is given: a mistake shows in that line, not in some event of the network.

Each check takes the name that an argument has and a value. A value of the wrong type is a TypeError, another wrong one is a
ValueError; both say what it was and what is meant.
"""

from __future__ import annotations

import ipaddress
import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any


def check_number(
    name: str, value: float, *, least: float = -math.inf, above: float | None = None
) -> None:
    """See that something is a number, and not below what it has to be; infinity is one, NaN is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number, not {value!r}")
    if math.isnan(value) or value < least:
        raise ValueError(f"{name}={value!r}: a number, not below {least:g}")
    if above is not None and value <= above:
        raise ValueError(f"{name}={value!r}: a number above {above:g}")


def check_probability(name: str, value: float) -> None:
    """See that a number is one from 0 to 1."""
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} is no probability: from 0 to 1")


def check_range(name: str, value: tuple[float, float]) -> None:
    """See that two numbers are a range of seconds."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} is a range of seconds such as (0.1, 0.5), not {value!r}")
    for number in value:
        check_number(f"{name}, each of {value!r},", number)
    if len(value) != 2 or not 0 <= value[0] <= value[1] < math.inf:
        raise ValueError(f"{name} {value!r} is no range: from what to what?")


def check_whole(name: str, value: Any, *, least: int | None = None) -> int:
    """See that something is a whole number, and give it as an int."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}") from None
    if least is not None and number < least:
        raise ValueError(f"{name}={number}: a whole number, at least {least}")
    return number


def check_mapping(name: str, value: Any, example: str) -> None:
    """See that something maps."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping such as {example}, not {value!r}")


def check_type(name: str, value: Any, kind: type) -> None:
    """See that something is what has to be made with one of this package's classes."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {kind.__name__}(…), not {value!r}")


def check_members(name: str, value: Iterable[Any], kind: type, example: str) -> tuple[Any, ...]:
    """See that something has members, all of one type, and give them."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} is a tuple such as {example}, not {value!r}")
    members = tuple(value)
    for member in members:
        if not isinstance(member, kind):
            raise TypeError(f"{name} is a tuple such as {example}, and has {member!r}")
    return members


def canonical(name: str, address: Any) -> str:
    """Spell an address as all others."""
    try:
        if not isinstance(address, str):  # ip_address(5) is 0.0.0.5
            raise TypeError(f"{name}: an address is text, not {address!r}")
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise ValueError(
            f"{name}: {address!r} does not appear to be an IPv4 or IPv6 address"
        ) from None


def folded(name: str) -> str:
    """Spell a name as it is looked up: without case and final dot, and in ASCII (as trio does it, RFC 5891)."""
    name = name.lower().rstrip(".")
    if name.isascii():
        return name
    import idna  # as trio does it: most programs never need it

    return idna.encode(name, uts46=True).decode("ascii")
