"""Redirects of the WebSocket request (RFC 6455 section 4.1, RFC 9110 section 15.4): pure rules.

Theory of operation
-------------------

A server may send its client elsewhere, so whatever goes there, goes where that server wants it. What
the program gave was meant for the origin that the program named: scheme, host and port. So

* to another origin goes nothing of it: neither credentials and headers, nor subprotocols, in which
  tokens are sent, nor the client certificate of ``ssl_context``. The ssl module does not tell whether a
  context has one, nor gives a copy without it; so none of the context goes along, and the default
  context takes its place;
* no redirect leads nearer than where it came from: from the world to a private address, or to this
  machine (:mod:`._spaces`);
* none leaves TLS.

The program's ``redirect_policy`` may allow the first two, redirect by redirect. What was withheld once
stays withheld, also where the next redirect leads back.

How near a host is shows at three points. What its name says of itself, and an address in its place, is
looked at here. Addresses that this machine looks up are looked at before one of them is connected to
(:func:`address_check`). What a proxy looks up, nobody tells: such a host counts as public, as the
origin of a redirect and as its target.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import NamedTuple, TypeAlias
from urllib.parse import urljoin

from trio_wsproxy._exceptions import HandshakeError, ServerRejected, failed
from trio_wsproxy._failures import Failure, Kind, StageName, Topic, Words, words
from trio_wsproxy._http import HeaderPairs
from trio_wsproxy._redaction import kind_of, shown_url
from trio_wsproxy._report import Stage
from trio_wsproxy._urls import Target, parse_target

from ._spaces import Space, farthest, space_of

REDIRECTS = (301, 302, 303, 307, 308)  # the other 3xx need a person, or a cache
MAX_LOCATION = 8192  # bytes; what RFC 9110 section 4.1 wants every server to read of a URL
_NEARER = {Space.PRIVATE: "a private address", Space.LOOPBACK: "this machine itself"}


class Redirect(NamedTuple):
    """A server's wish to be asked for elsewhere; given to ``redirect_policy``.

    Attributes:
      status_code: 301, 302, 303, 307 or 308.
      source: The :class:`Target` that was asked for.
      target: The one that it redirects to.

    """

    status_code: int
    source: Target
    target: Target

    @property
    def same_origin(self) -> bool:
        """Whether scheme, host and port stay the same (RFC 6454 section 5)."""
        one, other = self.source, self.target
        return (one.scheme, one.host.removesuffix("."), one.port) == (
            other.scheme,
            other.host.removesuffix("."),
            other.port,
        )


class RedirectGrant(NamedTuple):
    """What a redirect may do that it may not do by itself; given by ``redirect_policy``.

    Attributes:
      headers: Which of ``extra_headers`` go to another origin: their names, or ``True`` for all of them.
        ``Host`` is never one of them.
      subprotocols: Whether ``subprotocols`` are offered to another origin.
      ssl_context: Whether ``ssl_context``, with its client certificate if it has one, is used at another
        origin; or a context to use there instead. By default that is the default context, which
        trusts what the platform trusts.
      private: Whether it may lead from a public host to a private, link-local or loopback address, or
        from any other to this machine.

    """

    headers: bool | Collection[str | bytes] = False
    subprotocols: bool = False
    ssl_context: bool | ssl.SSLContext = False
    private: bool = False


#: Called with each redirect. ``False`` refuses it; ``True`` and ``None`` follow it as usual; a
#: :class:`RedirectGrant` allows more.
RedirectPolicy: TypeAlias = Callable[[Redirect], RedirectGrant | bool | None]


def read_redirect(target: Target, refusal: ServerRejected) -> Redirect | None:
    """Read where a server redirects to.

    Args:
      target: What was asked for.
      refusal: The server's answer.

    Returns:
      The redirect; ``None`` where the answer is none.

    Raises:
      HandshakeError: It must not be followed: it leaves TLS, or leads to no WebSocket URL.

    """
    locations = dict.fromkeys(value for name, value in refusal.headers if name == b"location")
    if refusal.status_code not in REDIRECTS or not any(locations):
        return None
    first = next(iter(locations))
    location = _location(first[:MAX_LOCATION])
    if len(locations) > 1:
        raise _refused(target, location, words("and to another place at once"))
    if len(first) > MAX_LOCATION:
        raise _refused(target, location, words("a URL of {count:,} bytes", count=len(first)))
    # urljoin knows http, not ws; where a redirect names http, a WebSocket is meant.
    base = f"http{'s' if target.secure else ''}://{target.authority}{target.resource}"
    new = _parsed(base, location)
    if new is None:
        raise _refused(target, location, words("which is no WebSocket URL"))
    if target.secure and not new.secure:
        raise _refused(target, location, words("which would leave TLS"))
    redirect = Redirect(refusal.status_code, target, new)
    if redirect.same_origin and new.username is None:
        new = replace(new, username=target.username, password=target.password)
        return redirect._replace(target=new)
    return redirect


def granted(policy: RedirectPolicy | None, redirect: Redirect) -> RedirectGrant:
    """Ask the policy.

    Raises:
      HandshakeError: It refuses.
      TypeError: It gives something else than it may.

    """
    verdict = None if policy is None else policy(redirect)
    if isinstance(verdict, RedirectGrant):
        if isinstance(verdict.headers, str):
            raise TypeError(f"RedirectGrant(headers=…) takes names: [{verdict.headers!r}]")
        return verdict
    if verdict is False:
        what = words("which {policy} refuses", policy=Topic.REDIRECT_POLICY)
        raise _refused(redirect.source, redirect.target.url, what)
    if verdict is not None and verdict is not True:
        close = getattr(verdict, "close", None)
        if close is not None:
            close()  # a coroutine that nobody awaits
        raise TypeError(
            "redirect_policy is a plain function that returns a RedirectGrant, a bool or None, "
            f"not {kind_of(verdict)}"
        )
    return RedirectGrant()


def headers_for(headers: HeaderPairs, redirect: Redirect, grant: RedirectGrant) -> HeaderPairs:
    """Leave out what is meant for the old origin only."""
    if redirect.same_origin:
        return headers
    if isinstance(grant.headers, bool):
        return tuple(pair for pair in headers if grant.headers and pair[0].lower() != b"host")
    names = {
        name.lower().encode("latin-1", "replace") if isinstance(name, str) else bytes(name).lower()
        for name in grant.headers
    } - {b"host"}
    return tuple(pair for pair in headers if pair[0].lower() in names)


def source_space(target: Target, stages: Iterable[Stage]) -> int:
    """Tell how near the origin of a redirect is.

    Args:
      target: What was asked for.
      stages: Of the dial, the last one last; where this machine looked the name up, they say what it
        found.

    """
    resolved = [
        stage.details.get("addresses", ())
        for stage in stages
        if stage.name == "resolve" and stage.hop is None and stage.peer == target.host
    ]
    return farthest(resolved[-1]) if resolved else space_of(target.host)


def check_name(redirect: Redirect, space: int) -> None:
    """Refuse a target that is nearer by itself: a literal, or a name that says so.

    Args:
      redirect: The redirect.
      space: Where it comes from.

    Raises:
      HandshakeError: It is.

    """
    if space_of(redirect.target.host) > space:
        raise _nearer(redirect, space_of(redirect.target.host), None, "upgrade")


def address_check(redirect: Redirect, space: int) -> Callable[[Collection[str]], None]:
    """Make the check for the addresses that this machine finds for the target's name.

    Returns:
      A function of the addresses, that raises :exc:`HandshakeError` where one of them is nearer than
      where the redirect comes from.

    """

    def check(addresses: Collection[str]) -> None:
        for address in addresses:
            if space_of(address) > space:
                raise _nearer(redirect, space_of(address), address, "resolve")

    return check


def _nearer(
    redirect: Redirect, space: int, address: str | None, stage: StageName
) -> HandshakeError:
    found = words(" ({address})", address=address) if address else ""
    problem = words("which is {nearer}{found}", nearer=_NEARER[space], found=found)
    remedy = words(
        "no redirect leads nearer than where it came from, unless {policy}",
        policy=Topic.GRANT_PRIVATE,
    )
    return _refused(redirect.source, redirect.target.url, problem, remedy, stage)


def _refused(
    source: Target,
    location: str,
    problem: Words,
    remedy: Words | None = None,
    stage: StageName = "upgrade",
) -> HandshakeError:
    what = words(
        "the server {url} redirects to {location}, {problem}",
        url=source.url,
        location=shown_url(location),
        problem=problem,
    )
    return failed(HandshakeError, Failure(Kind.REFUSED, stage, what, remedy))


def _location(value: bytes) -> str:
    """Encode what is not ASCII, byte by byte: as it stands, most mean UTF-8 (RFC 3987 section 3.1)."""
    return re.sub(rb"[\x80-\xff]", lambda found: b"%%%02X" % found[0][0], value).decode("ascii")


def _parsed(base: str, location: str) -> Target | None:
    try:
        url = urljoin(base, location).partition("#")[0]
        return parse_target(re.sub(r"^http(s?):", r"ws\1:", url, flags=re.IGNORECASE))
    except ValueError:
        return None
