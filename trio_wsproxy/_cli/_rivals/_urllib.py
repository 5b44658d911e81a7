"""What requests and websockets leave to the standard library's urllib.request."""

from __future__ import annotations

from collections.abc import Mapping

from ._common import Setting


def find_as_urllib(name: str, environ: Mapping[str, str]) -> Setting | None:
    """As ``urllib.request.getproxies_environment``: any spelling, but lower case is final."""
    found = None
    for spelling, value in environ.items():
        if spelling.lower() == name and value:
            found = Setting(spelling, value)
    if name == "http_proxy" and "REQUEST_METHOD" in environ:
        found = None
    for spelling, value in environ.items():
        if spelling.lower() == name and spelling.endswith("_proxy"):
            found = Setting(spelling, value) if value else None
    return found


def overlooked_by_urllib(spelling: str, environ: Mapping[str, str]) -> str:
    """Tell why a spelling that is set does not count, where it is no matter of order."""
    if spelling.islower() or not environ.get(spelling):
        return ""
    if environ.get(spelling.lower()) == "":
        return f"takes the empty {spelling.lower()} for an answer, and not {spelling}"
    if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        return "ignores HTTP_PROXY where REQUEST_METHOD is set (CGI)"
    return ""


def covering_as_urllib(host: str, port: int | None, value: str) -> str | None:
    """As ``urllib.request.proxy_bypass_environment``, which compares texts."""
    if value == "*":
        return value
    with_port = host if port is None else f"{host}:{port}"
    for text in value.split(","):
        name = text.strip().lstrip(".").lower()
        if name and any(name == one or one.endswith(f".{name}") for one in (host, with_port)):
            return text.strip()
    return None
