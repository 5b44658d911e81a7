"""A request to be authenticated, and what a scheme says about it."""

from __future__ import annotations

from collections.abc import Awaitable

from trio_wsproxy import ProxyAuthRequest

REQUEST = ProxyAuthRequest("CONNECT", "echo.test:443", "proxy.test", 3128)


async def said(value: str | Awaitable[str | None] | None) -> str | None:
    """Wait for what a conversation says, where it does not say it at once."""
    return value if value is None or isinstance(value, str) else await value
