"""HTTP through the same proxies for httpx2, and for httpcore2 below it.

::

    import httpx2
    from trio_wsproxy.httpcore2 import AsyncHTTPTransport

    async with httpx2.AsyncClient(transport=AsyncHTTPTransport(http2=True)) as client:
        response = await client.get("https://example.org/")

All is as in :mod:`trio_wsproxy.httpcore`, whose docstrings have the parameters; what is raised are the
exceptions of httpx2 and httpcore2.

Needs httpx2, which brings httpcore2: ``pip install httpx2``, and ``pip install h2`` for HTTP/2; they come with the
extra ``httpcore2``.
"""

from . import _public
from ._httpcore._httpx2 import (
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
