"""The checks of the options: each takes an option's name and a value, and gives what is used.

They raise ValueError or TypeError with the name in the message. What comes back is what the
rooms below want: pairs of bytes for headers, a tuple for an iterable, and so on.
"""

from __future__ import annotations

import inspect
import operator
import re
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from trio_wsproxy._auth import CheckedProxyAuth, ProxyAuthArgument, check_proxy_auth
from trio_wsproxy._failures import Topic, words
from trio_wsproxy._http import (
    HeaderPairs,
    HeadersArgument,
    ProxyHeadersArgument,
    proxy_header_pairs,
)
from trio_wsproxy._redaction import kind_of
from trio_wsproxy._transport import MakeProxyHeaders
from trio_wsproxy._websocket import Deflate, check_extra_headers

from ._misuse import check_context

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2


def as_it_is(_name: str, value: object) -> object:
    """Leave the check to whoever has the rest of what it takes: the target, or the route."""
    return value


def tokens(name: str, value: Iterable[str] | None) -> tuple[str, ...]:
    """Refuse what is no token, and what is there twice (RFC 6455 section 4.1)."""
    if isinstance(value, str):
        raise TypeError(f"{name} is a sequence of str: [{value!r}]")
    if value is not None and not isinstance(value, Iterable):
        raise TypeError(f"{name} is a sequence of str or None, not {kind_of(value)}")
    given = tuple(value or ())
    for token in given:
        if not isinstance(token, str):
            raise TypeError(f"{name} is a sequence of str, and one is {kind_of(token)}")
        if not TOKEN.fullmatch(token):
            raise ValueError(
                words(
                    "{option}: {token!r} is not a token (RFC 6455 section 4.1)",
                    option=Topic.SUBPROTOCOLS,
                    token=token,
                )
            )
    if len(set(given)) != len(given):
        raise ValueError(
            words(
                "{option}: each must be offered once (RFC 6455 section 4.1): {tokens}",
                option=Topic.SUBPROTOCOLS,
                tokens=str(given),
            )
        )
    return given


def headers(name: str, value: HeadersArgument | None) -> HeaderPairs:
    """Refuse what HTTP cannot carry, and what is not the caller's to set."""
    return check_extra_headers(_pairs(name, value))


def _pairs(name: str, value: Any, *, none: bool = False) -> Any:
    """Refuse what has no names and values; no value is shown, for it may be a token.

    Args:
      name: The option's.
      value: What was given.
      none: Whether ``None`` may stand for a value.

    """
    line = f'{name}={{"Name": "value"}} or {name}=[("Name", "value")]'
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} is a mapping or pairs, not {kind_of(value)}: {line}")
    pairs = list(value.items() if isinstance(value, Mapping) else value)
    for pair in pairs:
        if isinstance(pair, (str, bytes)) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise TypeError(f"{name} has {kind_of(pair)} in place of a pair: {line}")
        for part in pair:
            if not isinstance(part, (str, bytes)) and not (none and part is pair[1] is None):
                raise TypeError(
                    f"{name}: names and values are str or bytes, not {kind_of(part)}: {line}"
                )
    return pairs


def schemes(name: str, value: ProxyAuthArgument) -> CheckedProxyAuth:
    """Refuse what is no scheme."""
    return check_proxy_auth(value, name=name)


# What proxy_headers comes to: what to send, what not to send, whom to ask for more.
ProxyHeaders: TypeAlias = tuple[HeaderPairs, frozenset[bytes], MakeProxyHeaders | None]


def proxy_headers(name: str, value: ProxyHeadersArgument | MakeProxyHeaders | None) -> ProxyHeaders:
    """Refuse headers that CONNECT cannot carry; a function is asked later."""
    if callable(value):
        return (), frozenset(), value
    return *proxy_header_pairs(_pairs(name, value, none=True), name=name), None


def deflate(name: str, value: Literal["deflate"] | Deflate | None) -> Deflate | None:
    """Refuse what names no compression."""
    if value is None or isinstance(value, Deflate):
        return value
    if value == "deflate":
        return Deflate()
    raise ValueError(f'{name} is None, "deflate" or a Deflate, not {value!r}')


FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def plain_function(name: str, value: FunctionT | None) -> FunctionT | None:
    """Refuse what cannot be called, and what would have to be awaited; ``None`` may be."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} is a function or None, not {kind_of(value)}")
    if inspect.iscoroutinefunction(value):
        raise TypeError(f"{name} is called and not awaited: make it 'def', not 'async def'")
    return value


def context(name: str, value: ssl.SSLContext | None) -> ssl.SSLContext | None:
    """Refuse what is no TLS context for a client."""
    check_context(name, value)
    return value


def address(name: str, value: str | None) -> str | None:
    """Refuse what is no text."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is a str or None, not {kind_of(value)}")
    return value


# --- numbers ------------------------------------------------------------------------------


def seconds(name: str, value: float) -> float:
    """Refuse what is no time: negative, NaN, a text; ``math.inf`` may be."""
    if value is None:
        raise TypeError(f"{name} is a number of seconds, not None; math.inf waits for ever")
    return _real(name, value, "a number of seconds")


def seconds_or_none(name: str, value: float | None) -> float | None:
    """Refuse the same; ``None`` may be."""
    return None if value is None else _real(name, value, "a number of seconds or None")


def interval(name: str, value: float | None) -> float | None:
    """Refuse the same, and 0; ``None`` may be."""
    if value is None:
        return None
    number = _real(name, value, "a number of seconds or None (which switches it off)")
    if number == 0:
        raise ValueError(f"{name} must be more than 0, not {value!r}; None switches it off")
    return number


def count(name: str, value: int) -> int:
    """Refuse what is no whole number, or below 0."""
    return _whole(name, value, "an integer", 0)


def size_or_none(name: str, value: int | None) -> int | None:
    """Refuse the same; ``None`` may be."""
    return None if value is None else _whole(name, value, "an integer or None (no limit)", 0)


def positive_or_none(name: str, value: int | None) -> int | None:
    """Refuse the same, and 0; ``None`` may be."""
    return None if value is None else _whole(name, value, "an integer or None", 1)


def _real(name: str, value: Any, wanted: str) -> float:
    """Take any number that is no bool: of numpy, ``Decimal``, ``Fraction``."""
    if type(value) is int and 0 <= value <= sys.maxsize:  # nearly always, and each opening asks
        return value
    convertible = hasattr(type(value), "__float__") or hasattr(type(value), "__index__")
    if isinstance(value, bool) or not convertible:
        raise TypeError(f"{name} is {wanted}, not {_shown(value)}")
    number = _as_float(value)
    if number is None or not number >= 0:  # "not", for NaN is neither
        raise ValueError(f"{name} must be 0 or more, not {_shown(value)}")
    return value if type(value) in (int, float) else number


def _as_float(value: Any) -> float | None:
    """Convert, as far as there is a float for it."""
    try:
        return float(value)
    except (OverflowError, ValueError):
        return None


def _whole(name: str, value: Any, wanted: str, least: int) -> int:
    """Take whatever is an integer: Python's, numpy's; no float, not even 1e6."""
    if type(value) is int and least <= value <= sys.maxsize:  # likewise
        return value
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} is {wanted}, not {_shown(value)}")
    number = operator.index(value)
    if number < least:
        raise ValueError(f"{name} must be {least} or more, not {_shown(number)}")
    return min(number, sys.maxsize)


def _shown(value: object) -> str:
    """Show a number, and of anything else what it is, for it may be a secret in the wrong place."""
    if isinstance(value, int) and abs(value) >= 10**20:  # int has its own limit for texts
        return "a huge number"
    if isinstance(value, (int, float)):
        return repr(value)
    return f"a {kind_of(value)}"
