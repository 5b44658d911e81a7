"""What an unexpected HTTP answer proves about who sent it, and what to try.

From evidence only: a header, a status, a phrase of a well-known program. Where there is none,
there is no hint. Pure functions; the words end up behind a semicolon in an error's message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from trio_wsproxy._failures import Topic, Words, words
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_page, shown_url

from ._page import MAX_TITLE, page_title
from ._said import said_in

Headers = Sequence[tuple[bytes, bytes]]

# Host, port and path.
_PLACE = lazy_pattern(r"(\[[^\]]*\]|[^/?:]*)(?::(\d+))?/?([^?]*)(?:\?.*)?")
_MAX_VERSIONS = 40  # characters

# What servers say to plain HTTP on a TLS port: nginx, Apache, Go, and others after them.
_WANTS_TLS = lazy_pattern(
    rb"plain HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL-enabled|"
    rb"HTTP request to an HTTPS server",
    re.IGNORECASE,
)
# What servers say to a request that has lost Upgrade or Connection on its way (gorilla, ws, websockets,
# aiohttp, Tornado, Spring, Cloudflare); and what others say that has nothing to do with it.
_MISSES_UPGRADE = lazy_pattern(
    rb"\bupgrade\b(?! your| to (?:tls|https|a newer|the latest))|not a (?:valid )?websocket"
    rb"|not using the websocket protocol|websocket connections? only|expected? (?:a )?websocket",
    re.IGNORECASE,
)
# What Tor says to HTTP at its port for SOCKS.
_IS_SOCKS = lazy_pattern(rb"This is a SOCKS Proxy, Not An HTTP Proxy", re.IGNORECASE)
_LOOKED_AT = 4096  # bytes of a body; such a sentence stands at its beginning
_OUR_VERSION = b"13"  # RFC 6455 section 4.1
_REDIRECTS = (301, 302, 303, 307, 308)  # those that are to have a Location (RFC 9110 section 15.4)
# Headers that only proxies send; Via is not one of them, for CDNs do.
_PROXYS_OWN = (b"x-squid-error", b"proxy-authenticate", b"proxy-agent")

# squid's names for its error pages → what they mean.
_SQUID = {
    b"ERR_ACCESS_DENIED": "its rules forbid {authority}: ask for this host and port to be allowed",
    b"ERR_DNS_FAIL": (
        "its name service found no address of {host}: names are looked up by the proxy, not here; is it "
        "right, or known on this side only?"
    ),
    b"ERR_CONNECT_FAIL": "it could not reach {authority}: is that server up, and its port right?",
    b"ERR_CANNOT_FORWARD": "it has no way to {authority}, for example because its own proxy is down",
}


#: What to do where a proxy's port was taken for a server's.
IS_PROXY = words("it is a proxy: name it {by}, and the server in its place", by=Topic.BY_PROXY)


def header(headers: Headers, name: bytes) -> bytes:
    """Give the first value of a header, or nothing."""
    return next((value for key, value in headers if key.lower() == name), b"")


def refused_by_proxy(
    status: int, authority: str, headers: Headers = (), body: bytes = b""
) -> Words:
    """Say what to try where a proxy answered ``CONNECT`` with a refusal.

    Args:
      status: Of the answer.
      authority: What it was asked for.
      headers: Of the answer.
      body: Its first bytes.

    """
    remedy = _other_scheme(status, body) or _proxy_remedy(status, authority, headers)
    name = header(headers, b"x-squid-error").split(b" ")[0].decode("latin-1")
    title = page_title(body)
    said = [shown_page(name, MAX_TITLE)] if name else []
    said += [f"page {title!r}"] if title else []
    text = "" if title else said_in(headers, body)
    said += [repr(text)] if text else []
    return words("{remedy} ({said})", remedy=remedy, said=", ".join(said)) if said else remedy


def _other_scheme(status: int, body: bytes) -> Words | None:
    """Tell a proxy that speaks something else on that port, and says so in HTTP."""
    if 400 <= status < 500 and _WANTS_TLS.search(body, 0, _LOOKED_AT):
        return words("it wants TLS: use https:// for its scheme")
    if status == 501 and _IS_SOCKS.search(body, 0, _LOOKED_AT):
        return words("it speaks SOCKS on that port: use socks5h:// for its scheme")
    return None


def _proxy_remedy(status: int, authority: str, headers: Headers) -> Words:
    name = header(headers, b"x-squid-error").split(b" ")[0]
    host, _, port = authority.rpartition(":")
    forbidden = status == 403 or name == b"ERR_ACCESS_DENIED"
    if forbidden and port != "443":
        return words(
            "its rules forbid {authority}: many proxies let nothing but port 443 through; ask for "
            "this host and port to be allowed",
            authority=authority,
        )
    if name in _SQUID or forbidden:
        template = _SQUID[name if name in _SQUID else b"ERR_ACCESS_DENIED"]
        return Words(template, (("authority", authority), ("host", host)))
    if status == 511 or 300 <= status < 400:
        return words("it wants a login first, in a browser: a captive portal?")
    if status == 503:
        return words(
            "it could not reach {authority}, or is too busy: is that server up?",
            authority=authority,
        )
    if status in (502, 504):
        return words(
            "it could not reach {authority}: is that server up, and its name known there?",
            authority=authority,
        )
    if status in (400, 405, 501):
        return words(
            "it may not be a proxy, or not allow CONNECT: check the proxy URL's host and port"
        )
    return words("{see}", see=Topic.SEE_ANSWER)


def refused_by_server(url: str, status: int, headers: Headers, body: bytes) -> Words | None:
    """Say who answered a WebSocket request, where it was not the server that was meant.

    Args:
      url: What was asked for, masked.
      status: Of the answer.
      headers: Of the answer.
      body: Its first bytes.

    Returns:
      What to try; ``None`` where nothing speaks against the server itself.

    """
    plain = url.startswith("ws://")
    other = _other_protocol(status, body, plain=plain)
    if other is not None:
        return other
    if plain and 300 <= status < 400:
        port = _port_with_tls(url, header(headers, b"location"))
        if port is not None:
            return words("it wants TLS: use wss://{port}", port=port)
    proxys_own = next((name for name in _PROXYS_OWN if header(headers, name)), None)
    if status == 407 or proxys_own:
        name = proxys_own.decode().title() if proxys_own else "status 407"
        if not plain:
            return words(
                "a proxy answered in its place ({name}), one that stands before the server or "
                "inspects TLS, and does not let WebSocket through",
                name=name,
            )
        return words(
            "a proxy answered in its place ({name}), so it does not let WebSocket through as it is: "
            "use wss://, which it cannot look into, or name it with {proxy} to be asked for a tunnel",
            name=name,
            proxy=Topic.PROXY,
        )
    if status == 400 and b"squid" in header(headers, b"via").lower():
        # With TLS inspection squid passes the request on without what makes it WebSocket.
        return words(
            "it came by way of a proxy (Via names squid), which may not let WebSocket through: ask "
            "for this host to be excluded from inspection"
        )
    if status in (400, 426):
        upgrade = _about_upgrade(plain, status, headers, body)
        if upgrade is not None:
            return upgrade
    if status in _REDIRECTS and not header(headers, b"location"):
        return words("it redirects, and does not say where to (it sends no Location)")
    title = page_title(body)
    page = f" ({title!r})" if title else ""
    if status == 511:
        return words(
            "the network wants a login first, in a browser: a captive portal{page}", page=page
        )
    if status == 200 and (title or header(headers, b"content-type").startswith(b"text/html")):
        portal = ", or a captive portal that wants a login in a browser" if plain else ""
        return words(
            "a web page{page} came instead of a WebSocket: another service on that path or port{portal}",
            page=page,
            portal=portal,
        )
    return None


def _other_protocol(status: int, body: bytes, *, plain: bool) -> Words | None:
    """Tell a server that speaks something else on that port, and says so in HTTP."""
    if plain and 400 <= status < 500 and _WANTS_TLS.search(body):
        return words("it wants TLS: use wss://")
    if status == 501 and _IS_SOCKS.search(body, 0, _LOOKED_AT):
        return IS_PROXY
    return None


def _about_upgrade(plain: bool, status: int, headers: Headers, body: bytes) -> Words | None:
    """Tell a server that wants another version from one that was not asked for a WebSocket at all.

    The first says which it speaks (RFC 6455 section 4.4). The second has got a request without the
    headers that ask for it, which reverse proxies do not pass on by themselves.
    """
    versions = header(headers, b"sec-websocket-version")
    speaks = {version.strip() for version in versions.split(b",")}
    if versions and _OUR_VERSION not in speaks:
        shown = shown_page(versions.decode("latin-1"), _MAX_VERSIONS)
        return words("it wants another protocol version: {shown}", shown=shown)
    wanted = header(headers, b"upgrade").decode("latin-1")
    if status == 426 and wanted and "websocket" not in wanted.lower():
        if plain and wanted.lower().startswith("tls/"):  # RFC 2817 section 4.2
            return words("it wants TLS: use wss://")
        return words("it wants the protocol {shown!r}", shown=shown_page(wanted, MAX_TITLE))
    if status == 400 and not _MISSES_UPGRADE.search(body, 0, _LOOKED_AT):
        return None
    other = "; a proxy on the way may do the same, which wss:// keeps out" if plain else ""
    return words(
        "a reverse proxy before it does not pass Upgrade on: the headers Upgrade and Connection have to "
        "be set there (nginx: proxy_http_version 1.1 and proxy_set_header){other}",
        other=other,
    )


def redirected(status: int, headers: Headers, followed: int | None) -> Words | None:
    """Say where a redirect leads that is not followed, and how it would be.

    Args:
      status: Of the answer.
      headers: Of the answer.
      followed: How many redirects before it were followed, all that are allowed; ``None`` where
        following them is not offered.

    """
    location = header(headers, b"location").decode("latin-1")
    if not (300 <= status < 400 and location):
        return None
    where = words("it redirects to {location}", location=shown_url(location))
    if followed is None:
        return where
    if followed == 0:
        return words("{where}; {follow}", where=where, follow=Topic.FOLLOW_REDIRECT)
    return words(
        "{where}, and {count} before it were followed, all that {max_redirects} allows",
        where=where,
        count=followed,
        max_redirects=Topic.MAX_REDIRECTS,
    )


def _port_with_tls(url: str, location: bytes) -> str | None:
    """Tell what port to add where a redirect leads to the same host and path, with TLS.

    Returns:
      Nothing where ``wss://`` in place of ``ws://`` is enough; ``None`` for another redirect.

    """
    scheme, _, rest = location.decode("latin-1").partition("://")
    place = _PLACE.fullmatch(rest)
    asked = _PLACE.fullmatch(url.removeprefix("ws://"))
    if scheme not in ("https", "wss") or place is None or asked is None:
        return None
    if place[1] != asked[1] or place[3] != asked[3]:
        return None
    port = place[2] or "443"
    return "" if port == (asked[2] or "443") else f" and port {port}"
