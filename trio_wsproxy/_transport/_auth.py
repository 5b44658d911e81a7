"""Proxy authentication."""

from __future__ import annotations

import base64


def basic(username: str, password: str) -> bytes:
    """Make the value of a Basic ``Proxy-Authorization`` header (RFC 7617, in UTF-8)."""
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode())
