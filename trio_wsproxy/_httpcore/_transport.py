"""From httpx's requests to httpcore's and back, as httpx's own transport does it."""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from trio_wsproxy._exceptions import HandshakeError, told
from trio_wsproxy._redaction import kind_of

from ._errors import OF_CLIENT
from ._network import PlatformTrust

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on


class ResponseStream:
    """The body of an answer; a base beside the library's own class.

    It is no generator: one that is left half-way would be closed by the garbage collector, where nothing
    can be awaited, and trio warns of that.
    """

    _libraries: ClassVar[tuple[Any, Any]]

    def __init__(self, stream: Any) -> None:  # of httpcore
        self._stream = stream
        self._parts: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._parts = aiter(self._stream)
        return _Parts(self._parts, self._libraries)

    async def aclose(self) -> None:
        """Give the connection back, or close it where there is more to come."""
        with translated(*self._libraries):
            await self._stream.aclose()
            if isinstance(self._parts, AsyncGenerator):
                await self._parts.aclose()


class _Parts:
    """The parts of a body."""

    def __init__(self, parts: AsyncIterator[bytes], libraries: tuple[Any, Any]) -> None:
        self._parts = parts
        self._libraries = libraries

    def __aiter__(self) -> _Parts:
        return self

    async def __anext__(self) -> bytes:
        with translated(*self._libraries):
            return await anext(self._parts)


class _Upload:
    """The body of a request, which is closed when there is an answer or an error.

    A server may answer, or hang up, before it has all of it; what is then left of a generator would be
    closed by the garbage collector.
    """

    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream
        self._parts: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._parts = aiter(self._stream)
        return self._parts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if isinstance(self._parts, AsyncGenerator):
            await self._parts.aclose()


class Given:
    """A request of httpx, in variables that do not show its URL and headers, which hold secrets."""

    __slots__ = ("request",)

    def __init__(self, request: Any) -> None:  # httpx's
        self.request = request


def _asked(core: Any, given: Given, upload: _Upload) -> Any:
    """Make httpcore's request of httpx's."""
    return core.Request(
        method=given.request.method,
        url=core.URL(
            scheme=given.request.url.raw_scheme,
            host=given.request.url.raw_host,
            port=given.request.url.port,
            target=given.request.url.raw_path,
        ),
        headers=given.request.headers.raw,
        content=upload,
        extensions=given.request.extensions,
    )


class Transport:
    """Hands requests to a pool; a base beside the library's own class."""

    # httpcore and httpx, or those that look like them.
    _libraries: ClassVar[tuple[Any, Any]]
    _body: ClassVar[type[ResponseStream]]
    _pool: Any

    async def _handle(self, given: Given) -> Any:  # httpx's
        core, client = self._libraries
        async with _Upload(given.request.stream) as upload:
            with translated(core, client):
                answer = await self._pool.handle_async_request(_asked(core, given, upload))
        return client.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=self._body(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        with translated(*self._libraries):
            await self._pool.__aexit__(exc_type, exc_value, traceback)


@contextmanager
def translated(core: Any, client: Any) -> Iterator[None]:
    """Turn httpcore's exceptions into httpx's, which have the same names.

    Args:
      core: httpcore.
      client: httpx.

    """
    try:
        yield
    except Exception as exc:
        name = next((x.__name__ for x in type(exc).__mro__ if x.__module__ == core.__name__), "")
        kind: type[Exception] | None = getattr(client, name, None)
        if kind is None:
            raise
        # Whoever wants to know more has our own error at hand: hop, stage, report. (httpcore's pool
        # raises errors "from None", but the context stays.)
        ours = exc.__context__ if isinstance(exc.__context__, HandshakeError) else exc
        raise kind(told(ours, OF_CLIENT)) from ours


@contextmanager
def options_called_as_there() -> Iterator[None]:
    """Call the options that are at odds with each other what httpx does.

    Raises:
      ValueError: They are.

    """
    try:
        yield
    except ValueError as exc:
        if type(exc) is not ValueError:  # a setting is malformed, which has nothing of httpx
            raise
        problem = told(exc, OF_CLIENT)
    else:
        return
    raise ValueError(problem)


def checked_verify(verify: object) -> ssl.SSLContext:
    """Read ``verify`` as httpx does, but for texts, which httpx is about to give up.

    Raises:
      TypeError: It is something else.
      ValueError: It is a context for servers.

    """
    if verify is True:
        return PlatformTrust()
    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if isinstance(verify, ssl.SSLContext):
        if verify.protocol == ssl.PROTOCOL_TLS_SERVER:
            raise ValueError(
                "verify is a context for servers; make one with ssl.create_default_context()"
            )
        return verify
    raise TypeError(
        f"verify is True, False or an ssl.SSLContext, not {kind_of(verify)}: "
        "verify=ssl.create_default_context(cafile=…)"
    )


def check_http2(http2: bool) -> None:
    """Refuse HTTP/2 where the library for it is missing.

    Raises:
      ImportError: It is.

    """
    if http2 and importlib.util.find_spec("h2") is None:
        raise ImportError("HTTP/2 needs h2, which is not installed; run: pip install h2")


@contextmanager
def check_libraries(*names: str) -> Iterator[None]:
    """Say what to install where one of these cannot be imported.

    Args:
      names: Of libraries that PyPI has under the same names.

    """
    try:
        yield
    except ImportError as exc:
        if exc.name not in names:
            raise
        raise ImportError(
            f"this needs {exc.name}, which is not installed; run: pip install {names[-1]}",
            name=exc.name,
        ) from exc
