"""The options of a connection, each declared once.

Name and type of an option stand in a ``TypedDict``, so that editors and type checkers know it
wherever a function takes ``**options: Unpack[Options]``; the :class:`Option` beside the type
has the rest: one line of documentation, the default, and the check. :func:`checked` reads them,
once for each call, before anything is sent.

The order, by topic, is that of signatures, docstrings and documentation. Python cannot make a
signature that a type checker sees, so :func:`open_websocket_url` writes this one out, and
``tests/client/test_options.py`` holds it, its docstring, the settings of a connection and the
command line to what stands here. Who adds an option adds it to a topic here, to that signature
and docstring, and to what uses it: :class:`Plan`, or one of the two functions at the end.
"""
# No "from __future__ import annotations": these annotations are read when the file is loaded.

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

from trio_wsproxy._auth import ProxyAuthArgument
from trio_wsproxy._defaults import (
    CONNECT_TIMEOUT,
    DISCONNECT_TIMEOUT,
    MAX_MESSAGE_SIZE,
    PING_INTERVAL,
    PING_TIMEOUT,
)
from trio_wsproxy._failures import Topic, words
from trio_wsproxy._http import (
    HeadersArgument,
    ProxyHeadersArgument,
)
from trio_wsproxy._report import Trace
from trio_wsproxy._routing import ProxyArgument, Question, Route
from trio_wsproxy._transport import DialOptions, MakeProxyHeaders
from trio_wsproxy._websocket import ConnectionSettings, Deflate

from ._checks import (
    ProxyHeaders,
    address,
    as_it_is,
    context,
    count,
    deflate,
    headers,
    interval,
    plain_function,
    positive_or_none,
    proxy_headers,
    schemes,
    seconds,
    seconds_or_none,
    size_or_none,
    tokens,
)
from ._redirects import RedirectPolicy

# --- the options, topic by topic ------------------------------------------------------------


class Option(NamedTuple):
    """What there is to say of an option beside its name and type.

    Attributes:
      text: One line of documentation; the docstring of :func:`open_websocket_url` begins with
        it, and may say more.
      default: What it is where it is not given.
      check: Is called with its name and its value, the default too, and gives what is used.
        It raises :exc:`ValueError` or :exc:`TypeError` with the name in the message.

    """

    text: str
    default: object = None
    check: Callable[[str, Any], object] = as_it_is


class TargetOptions(TypedDict, total=False):
    """What is asked for."""

    subprotocols: Annotated[
        Iterable[str] | None,
        Option("The subprotocols to offer, in order of preference; none by default.", check=tokens),
    ]
    extra_headers: Annotated[
        HeadersArgument | None,
        Option(
            "Additional headers of the WebSocket request, as pairs or a mapping.", check=headers
        ),
    ]


class ProxyOptions(TypedDict, total=False):
    """The way there."""

    proxy: Annotated[
        ProxyArgument,
        Option("``True`` (default) for what the system says, see :func:`resolve_proxy`;", True),
    ]
    proxy_ssl_context: Annotated[
        ssl.SSLContext | None,
        Option(
            "For TLS with ``https://`` proxies, and with the server of a PAC script; by default the "
            "platform's trust store.",
            check=context,
        ),
    ]
    proxy_auth: Annotated[
        ProxyAuthArgument,
        Option(
            "How to authenticate with each HTTP proxy:",
            check=schemes,
        ),
    ]
    proxy_headers: Annotated[
        ProxyHeadersArgument | MakeProxyHeaders | None,
        Option("Additional headers of each ``CONNECT`` request,", check=proxy_headers),
    ]


class TransportOptions(TypedDict, total=False):
    """The TCP connection to the first hop."""

    local_address: Annotated[
        str | None,
        Option("The address of this machine to connect from; any by default.", check=address),
    ]
    happy_eyeballs_delay: Annotated[
        float | None,
        Option(
            "Seconds after which another address of the first hop is tried beside the first",
            check=seconds_or_none,
        ),
    ]


class TraceOptions(TypedDict, total=False):
    """Who is told."""

    trace: Annotated[
        Trace | None,
        Option('Called with ``"begin"`` or ``"end"`` and the :class:`Stage`', check=plain_function),
    ]


class MessageOptions(TypedDict, total=False):
    """How messages are sent."""

    compression: Annotated[
        Literal["deflate"] | Deflate | None,
        Option(
            '``"deflate"`` or a :class:`Deflate` offers permessage-deflate (RFC 7692);',
            check=deflate,
        ),
    ]


class RedirectOptions(TypedDict, total=False):
    """What becomes of a server's redirects."""

    max_redirects: Annotated[
        int,
        Option("Redirects (301, 302, 303, 307, 308) to follow, 0 by default.", 0, count),
    ]
    redirect_policy: Annotated[
        RedirectPolicy | None,
        Option("Called with each :class:`Redirect` before it is followed;", check=plain_function),
    ]


class KeepaliveOptions(TypedDict, total=False):
    """How a dead connection is noticed."""

    ping_interval: Annotated[
        float | None,
        Option(
            "Seconds of silence after which a ping is sent, 20 by default;",
            PING_INTERVAL,
            interval,
        ),
    ]
    ping_timeout: Annotated[
        float | None,
        Option(
            "Seconds of silence after a ping after which the connection is lost, 20 by default;",
            PING_TIMEOUT,
            interval,
        ),
    ]


class TimeoutOptions(TypedDict, total=False):
    """How long opening and closing may take."""

    connect_timeout: Annotated[
        float,
        Option(
            "Seconds for everything until the connection is open, 60 by default.",
            CONNECT_TIMEOUT,
            seconds,
        ),
    ]
    disconnect_timeout: Annotated[
        float,
        Option(
            "Seconds for the closing handshake, 60 by default.",
            DISCONNECT_TIMEOUT,
            seconds,
        ),
    ]


class LimitOptions(TypedDict, total=False):
    """How much memory a peer may take."""

    max_message_size: Annotated[
        int | None,
        Option(
            "Bytes of a message beyond which the connection is closed with code 1009, 1 MiB by "
            "default;",
            MAX_MESSAGE_SIZE,
            size_or_none,
        ),
    ]
    message_queue_size: Annotated[
        int | None,
        Option("Unread messages above which reading stops;", check=size_or_none),
    ]
    receive_buffer_size: Annotated[
        int | None,
        Option("Bytes to ask the stream for at once;", check=positive_or_none),
    ]


class Options(
    TargetOptions,
    ProxyOptions,
    TransportOptions,
    TraceOptions,
    MessageOptions,
    RedirectOptions,
    KeepaliveOptions,
    TimeoutOptions,
    LimitOptions,
    total=False,
):
    """The keyword arguments of :func:`open_websocket_url`, for ``**options: Unpack[Options]``."""


class StreamOptions(
    TargetOptions,
    TraceOptions,
    MessageOptions,
    KeepaliveOptions,
    TimeoutOptions,
    LimitOptions,
    total=False,
):
    """Those that :func:`wrap_client_stream` takes: all that do not concern the way."""


class DialingOptions(ProxyOptions, TransportOptions, TraceOptions, total=False):
    """Those that :func:`open_tcp_stream` takes: all that concern nothing but the way."""


# --- reading them ---------------------------------------------------------------------------


def declared(kind: type) -> dict[str, Option]:
    """Give the declarations of one of the classes above, by name and in order."""
    return {name: hint.__metadata__[0] for name, hint in kind.__annotations__.items()}


ALL = declared(Options)
FOR_STREAMS = declared(StreamOptions)
FOR_DIALING = declared(DialingOptions)
# What the checks give for the defaults; nearly all options of nearly all calls have theirs.
_USUAL = {name: option.check(name, option.default) for name, option in ALL.items()}


def checked(
    options: Mapping[str, object], declarations: Mapping[str, Option] = ALL
) -> dict[str, Any]:
    """Check what was given, and add what was not.

    Args:
      options: What was given.
      declarations: What may be given.

    Returns:
      Each option's value as its check gives it.

    Raises:
      ValueError: A value makes no sense.
      TypeError: A value is of another type, or there is no such option.

    """
    for name in options:
        if name not in declarations:
            raise TypeError(f"got an unexpected keyword argument {name!r}")
    get = options.get
    return {
        name: _USUAL[name] if (value := get(name, default)) is default else check(name, value)
        for name, (_, default, check) in declarations.items()
    }


def check_proxy_ssl_context(
    context: ssl.SSLContext | None, steps: Sequence[Route | Question]
) -> None:
    """Refuse a context that nothing would use.

    Where the system or a script chooses the proxy, a program cannot know whether that will be an
    ``https://`` one, and may bring the context in any case.

    Raises:
      ValueError: All proxies were given explicitly, and none of them is ``https://``.

    """
    if context is None:
        return
    for step in steps:
        if not isinstance(step, Route) or not step.given:
            return
        if any(hop.scheme == "https" for hop in step.hops):
            return
    routes = (step for step in steps if isinstance(step, Route))
    ways = (", ".join(hop.url for hop in route.hops) or "a direct connection" for route in routes)
    raise ValueError(
        words(
            "{option} is for TLS with a proxy and needs an https:// proxy, but {way} is {ways}; for TLS "
            "with the server there is {other}",
            option=Topic.PROXY_SSL_CONTEXT,
            way=Topic.WAY,
            ways=", or ".join(ways),
            other=Topic.SSL_CONTEXT,
        )
    )


_SETTINGS = ConnectionSettings._fields


def connection_settings(values: Mapping[str, Any]) -> ConnectionSettings:
    """Pick what an open connection wants to know out of checked options."""
    return ConnectionSettings(**{name: values[name] for name in _SETTINGS})


def dial_options(values: Mapping[str, Any]) -> DialOptions:
    """Pick what the dialer wants to know out of checked options."""
    to_proxy: ProxyHeaders = values["proxy_headers"]
    pairs, omitted, make = to_proxy
    return DialOptions(
        proxy_ssl_context=values["proxy_ssl_context"],
        proxy_auth=values["proxy_auth"],
        proxy_headers=pairs,
        omitted_headers=omitted,
        make_headers=make,
        local_address=values["local_address"],
        happy_eyeballs_delay=values["happy_eyeballs_delay"],
    )
