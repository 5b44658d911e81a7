"""The checks of the options: each takes an option's name and a value, and gives what is used.

They raise ValueError or TypeError with the name in the message. What comes back is what the
rooms below want: pairs of bytes for headers, a tuple for an iterable, and so on.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, TypeVar

from trio_wsproxy._auth import CheckedProxyAuth, ProxyAuthArgument, check_proxy_auth
from trio_wsproxy._failures import Topic, words
from trio_wsproxy._http import (
    HeaderPairs,
    HeadersArgument,
    ProxyHeadersArgument,
    proxy_header_pairs,
)
from trio_wsproxy._transport import MakeProxyHeaders
from trio_wsproxy._websocket import Deflate, check_extra_headers

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2


def as_it_is(_name: str, value: object) -> object:
    """Leave the check to whoever has the rest of what it takes: the target, or the route."""
    return value


def tokens(name: str, value: Iterable[str] | None) -> tuple[str, ...]:
    """Refuse what is no token, and what is there twice (RFC 6455 section 4.1)."""
    if isinstance(value, str):
        raise TypeError(f"{name} is a sequence of str: [{value!r}]")
    given = tuple(value or ())
    for token in given:
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


def headers(_name: str, value: HeadersArgument | None) -> HeaderPairs:
    """Refuse what HTTP cannot carry, and what is not the caller's to set."""
    return check_extra_headers(value)


def schemes(name: str, value: ProxyAuthArgument) -> CheckedProxyAuth:
    """Refuse what is no scheme."""
    return check_proxy_auth(value, name=name)


# What proxy_headers comes to: what to send, what not to send, whom to ask for more.
ProxyHeaders: TypeAlias = tuple[HeaderPairs, frozenset[bytes], MakeProxyHeaders | None]


def proxy_headers(name: str, value: ProxyHeadersArgument | MakeProxyHeaders | None) -> ProxyHeaders:
    """Refuse headers that CONNECT cannot carry; a function is asked later."""
    if callable(value):
        return (), frozenset(), value
    return *proxy_header_pairs(value, name=name), None


def delay(name: str, value: float | None) -> float | None:
    """Refuse seconds below 0."""
    if value is not None and not value >= 0:
        raise ValueError(f"{name} is 0 or more, not {value}")
    return value


def deflate(name: str, value: Literal["deflate"] | Deflate | None) -> Deflate | None:
    """Refuse what names no compression."""
    if value is None or isinstance(value, Deflate):
        return value
    if value == "deflate":
        return Deflate()
    raise ValueError(f'{name} is None, "deflate" or a Deflate, not {value!r}')


def count(name: str, value: int) -> int:
    """Refuse a number below 0."""
    if value < 0:
        raise ValueError(f"{name} cannot be negative, but is {value}")
    return value


FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def plain_function(name: str, value: FunctionT | None) -> FunctionT | None:
    """Refuse what cannot be called, and what would have to be awaited; ``None`` may be."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} is a function or None, not {type(value).__name__}")
    if inspect.iscoroutinefunction(value):
        raise TypeError(f"{name} is called and not awaited: make it 'def', not 'async def'")
    return value


def above_zero(name: str, value: float | None) -> float | None:
    """Refuse 0 and less; ``None`` may be."""
    if value is not None and not value > 0:  # "not", for NaN is neither
        raise ValueError(f"{name} must be more than 0, not {value!r}")
    return value


def not_below_zero(name: str, value: float | None) -> float | None:
    """Refuse less than 0; ``None`` may be."""
    if value is not None and not value >= 0:
        raise ValueError(f"{name} must be 0 or more, not {value!r}")
    return value
