"""What is written wrong in a program, told with the line that is right, as trio's own errors are.

A type checker tells most of it before. Here is what would else end in an error that blames something
else: a missing argument, an attribute of a private class, a host that "is not an IPv6 address".
"""

from __future__ import annotations

import functools
import inspect
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

import trio

from trio_wsproxy._redaction import hiding, kind_of, shown_url
from trio_wsproxy._urls import NO_URL, Target, parse_target

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Check: TypeAlias = Callable[[tuple[Any, ...], Mapping[str, Any]], None]

_SECRETIVE = ("url", "resource", "extra_headers", "proxy", "proxy_headers")


def _hidden(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    """Let arguments with secrets in them hide where somebody looks at local variables.

    Without a name, URLs and resources are such; a host has no "/" in it, and stands in messages.
    """
    shown = {name: hiding(x) if name in _SECRETIVE else x for name, x in options.items()}
    return tuple(hiding(x) if type(x) is str and "/" in x else x for x in args), shown


def checks_first(*checks: Check) -> Callable[[FunctionT], FunctionT]:
    """Let checks see the arguments of a call before Python counts them.

    Args:
      checks: Called with positional and keyword arguments; they raise.

    """

    def decorate(function: FunctionT) -> FunctionT:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            @trio.lowlevel.enable_ki_protection  # what comes back may be a socket
            async def later(*args: Any, **options: Any) -> Any:
                for check in checks:
                    check(args, options)
                args, options = _hidden(args, options)
                return await function(*args, **options)

            return cast("FunctionT", later)

        @functools.wraps(function)
        def at_once(*args: Any, **options: Any) -> Any:
            for check in checks:
                check(args, options)
            args, options = _hidden(args, options)
            return function(*args, **options)

        return cast("FunctionT", at_once)

    return decorate


def host_at(place: int, name: str, instead: str) -> Check:
    """Make the check that a host is no URL.

    Args:
      place: Of the host among the positional arguments.
      name: The function's.
      instead: The right line, with ``{url}`` where the URL goes.

    """

    def check(args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        host = args[place] if len(args) > place else options.get("host")
        if isinstance(host, str) and "://" in host:
            all_there = len(args) > place + 1 or "port" in options
            line = instead.replace("{url}", repr(shown_url(host)))
            kind = ValueError if all_there else TypeError
            raise kind(f"{name}() takes a host and a port, not a URL: {line}")

    return check


def nursery_first(name: str, more: str) -> Check:
    """Make the check that the first argument is a nursery.

    Args:
      name: The function's.
      more: Its other arguments.

    """

    def check(args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        check_nursery(args[0] if args else options.get("nursery"), name, more)

    return check


def check_nursery(nursery: object, name: str, more: str) -> None:
    """Refuse what is no nursery; arguments as for :func:`nursery_first`."""
    if not callable(getattr(nursery, "start_soon", None)):
        raise TypeError(
            f"{name}() takes a nursery first, not {kind_of(nursery)}: "
            f"async with trio.open_nursery() as nursery: ws = await {name}(nursery, {more})"
        )


def no_stream_first(args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Refuse a stream where :func:`wrap_client_stream` takes a nursery, if there is no other one.

    Anything else in that place is refused when the stream is owned, so that it is closed.
    """
    if len(args) + len(options) < len(WRAPPED) or (args and hasattr(args[0], "send_all")):
        check_nursery(args[0] if args else options.get("nursery"), *WRAP)


WRAPPED = ("nursery", "stream", "host", "resource")
WRAP = ("wrap_client_stream", "stream, host, resource")


def check_stream(stream: object) -> None:
    """Refuse what has not the methods of a stream."""
    if not all(hasattr(stream, name) for name in ("send_all", "receive_some", "aclose")):
        raise TypeError(f"stream is a trio.abc.Stream, not {kind_of(stream)}")


def read_target(url: str) -> Target:
    """Read the URL of a call.

    Raises:
      TypeError: It is nothing that is written as a URL.
      ValueError: It is malformed.

    """
    if isinstance(url, trio.Nursery):
        raise TypeError(
            "the URL comes first here; a nursery is for await connect_websocket_url(nursery, url)"
        )
    if isinstance(url, NO_URL):
        hint = ": decode it, url.decode()" if isinstance(url, bytes) else ""
        raise TypeError(f"url is a str, not {kind_of(url)}{hint}")
    return parse_target(url)


def check_context(name: str, context: object) -> None:
    """Refuse what is no TLS context for a client; ``None`` may be."""
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        value = repr(context) if isinstance(context, bool) else kind_of(context)
        raise TypeError(
            f"{name} is an ssl.SSLContext or None, not {value}: "
            "context = ssl.create_default_context(), changed as you need it"
        )
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ValueError(
            f"{name} is a context for servers; make one with ssl.create_default_context()"
        )


def check_trio() -> None:
    """Refuse to go on where trio does not run.

    Raises:
      RuntimeError: It does not, and here is what to do.

    """
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        raise RuntimeError(_no_trio()) from None


def _no_trio() -> str:
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001  # documented
        return (
            "trio_wsproxy needs trio, and this runs under asyncio: trio.run(main), not "
            'asyncio.run(main); with anyio: anyio.run(main, backend="trio")'
        )
    return (
        "trio_wsproxy must be used within a run of trio: trio.run(main); "
        "from a thread: trio.from_thread.run(function)"
    )


class NotYet:
    """A context manager that tells who forgets ``async with`` how to write it.

    Attributes:
      call: How it was made, for example ``"open_websocket_url(…)"``.
      guest: What it is mostly called, for example ``"ws"``.
      then: What follows the right line, if more does.

    """

    __slots__ = ()

    call: str
    guest: str
    then = ""

    def __await__(self) -> NoReturn:
        raise TypeError(self._right_line("await "))

    def __aiter__(self) -> NoReturn:
        raise TypeError(self._right_line(f"async for … in {self.call}", whole=True))

    def __iter__(self) -> NoReturn:
        raise TypeError(self._right_line(f"for … in {self.call}", whole=True))

    def __enter__(self) -> NoReturn:
        raise RuntimeError(self._right_line("with "))

    def __exit__(self, *_: object) -> NoReturn:
        raise AssertionError("never called, but Python looks for it first")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # asked by Python, by debuggers, and before it is entered
            raise AttributeError(name)
        raise AttributeError(
            f"no {name!r} here: " + self._right_line(f"{self.call}.{name}", whole=True)
        )

    def _right_line(self, wrong: str, *, whole: bool = False) -> str:
        return (
            f"use 'async with {self.call} as {self.guest}:'{self.then}, "
            f"not '{wrong if whole else wrong + self.call}'"
        )
