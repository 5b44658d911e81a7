"""HTTP through the same proxies: for httpx, and for httpcore below it.

::

    import httpx
    from trio_wsproxy.httpcore import AsyncHTTPTransport

    async with httpx.AsyncClient(transport=AsyncHTTPTransport(http2=True)) as client:
        response = await client.get("https://example.org/")

Needs httpx and httpcore: ``pip install httpx``, and ``pip install h2`` for HTTP/2; they come with the extra
``httpcore``. For their successors see ``trio_wsproxy.httpcore2``, which has the same names.
"""

from . import _public
from ._httpcore._httpx import (
    AsyncConnectionPool,
    AsyncHTTPTransport,
    AsyncNetworkBackend,
    AsyncNetworkStream,
)

__all__ = [
    "AsyncConnectionPool",
    "AsyncHTTPTransport",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
]

_public.show_as_public(__name__, map(globals().__getitem__, __all__))
