"""What an HTTP proxy is going to be asked with: credentials and headers, before it is dialed.

Both may come from functions of the program's. They are called here, so that no connection waits
for them, and in a stage of their own, so that it is them a timeout names, not a proxy that nothing
was sent to yet.
"""

from __future__ import annotations

import inspect
import ssl
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from trio_wsproxy._auth import (
    Authentication,
    CheckedProxyAuth,
    Chosen,
    ProxyAuth,
    ProxyAuthRequest,
    SchemeName,
    from_program,
    from_url,
    not_carried,
    unasked,
)
from trio_wsproxy._failures import Topic, Words, words
from trio_wsproxy._http import HeaderPairs, ProxyHeadersArgument, proxy_header_pairs
from trio_wsproxy._report import StageLog
from trio_wsproxy._urls import Proxy, bare_host

from ._hop import Hop
from ._http_connect import speaks_for_itself

# Called with the proxy and the authority that it is going to be asked for.
MakeProxyHeaders: TypeAlias = Callable[[Proxy, str], Awaitable[ProxyHeadersArgument | None]]


class DialOptions(NamedTuple):
    """How to dial, whatever the route.

    Attributes:
      proxy_ssl_context: For ``https://`` proxies that bring none of their own; ``None`` is
        the default context.
      proxy_headers: Additional headers for every HTTP proxy of the route.
      omitted_headers: Names, in lower case, of headers that are not sent to them.
      make_headers: Is asked for more of them for each tunnel, or ``None``.
      proxy_auth: Schemes for every HTTP proxy, where its URL has credentials for those, or
        ``"netrc"`` or ``"keyring"``.
      local_address: The address to bind the TCP connection to; ``None`` lets the system choose.
      happy_eyeballs_delay: Seconds to wait for one address before the next is tried as well
        (RFC 8305); ``None`` is 0.25.
      check_addresses: Is called with the addresses that this machine has found for the target's
        name, before any is connected to; raises to refuse them.

    """

    proxy_ssl_context: ssl.SSLContext | None = None
    proxy_headers: HeaderPairs = ()
    omitted_headers: frozenset[bytes] = frozenset()
    make_headers: MakeProxyHeaders | None = None
    proxy_auth: CheckedProxyAuth = ()
    local_address: str | None = None
    happy_eyeballs_delay: float | None = None
    check_addresses: Callable[[Collection[str]], None] | None = None

    def __repr__(self) -> str:
        """Show nothing of what is sent to proxies."""
        return f"DialOptions(local_address={self.local_address!r}, …)"


class Prepared(NamedTuple):
    """What a hop is asked with.

    Attributes:
      authentication: What was said already, and what there is to say to a challenge.
      headers: For all proxies, not yet those of this one's own.
      omitted: Names, in lower case, of headers that are not sent.

    """

    authentication: Authentication
    headers: HeaderPairs
    omitted: frozenset[bytes]


async def prepare(hop: Hop, authority: str, options: DialOptions, log: StageLog) -> Prepared:
    """Collect headers and credentials for one tunnel.

    Args:
      hop: The proxy that is going to be asked.
      authority: What for.
      options: See :class:`DialOptions`.
      log: Is told what is waited for.

    Raises:
      ProxyConfigError: Credentials cannot be used with this proxy, or what a function gave cannot
        be sent.
      Exception: What a function of the program's raises goes up as it is, with a note.

    """
    proxy = hop.proxy
    chosen = await _chosen(hop, options, log)
    error = not_carried(chosen, hop.name, hop.place) if chosen.is_hopeless else None
    if error is not None:
        raise error
    headers, omitted = await _headers(hop, authority, options, log)
    request = ProxyAuthRequest(
        "CONNECT", authority, bare_host(proxy.host), proxy.port, proxy.scheme
    )
    authentication = Authentication(chosen, request)
    if not speaks_for_itself(proxy, headers):
        authentication.waits = lambda whom: _own(hop, whom, log)
        await authentication.begin()
        authentication.waits = log.waiting  # from now on within the stage of CONNECT
    return Prepared(authentication, headers, omitted)


async def _chosen(hop: Hop, options: DialOptions, log: StageLog) -> Chosen:
    """Collect what there are credentials for; what belongs to the proxy itself goes first."""
    proxy = hop.proxy
    own, general = proxy.auth, options.proxy_auth
    if not own and proxy.username is None and isinstance(general, tuple):
        return from_program(general)  # nearly always, and mostly it is nothing
    given, others = (own, general) if own else (general, ())
    keyring = "keyring" in (given, others)
    if proxy.username is not None and not (keyring and proxy.username and proxy.password is None):
        more = _schemes(others)
        wanted = _schemes(given) or more
        sso = proxy.is_single_sign_on
        if not (wanted or sso):
            return unasked(proxy.username, proxy.password or "")
        chosen = from_url(proxy.username, proxy.password or "", wanted, more, sso=sso)
        return chosen._replace(noted=sso or bool(own))
    if all(isinstance(one, str) for one in _schemes(given)):
        found = None
        if keyring:
            found = await _from_keyring(hop, log)
        elif "netrc" in (given, others):
            from trio_wsproxy._routing._netrc import netrc_credentials  # few look there

            found = await netrc_credentials(proxy.host)
        if found:
            return from_url(*found, _schemes(given))._replace(noted=bool(own))
    return from_program(_schemes(given), _schemes(others))._replace(noted=bool(own))


async def _from_keyring(hop: Hop, log: StageLog) -> tuple[str, str]:
    from trio_wsproxy._routing._keyring import keyring_credentials  # few look there

    waiting_for = words("the keyring of this machine, for {hop}", hop=hop.name)
    with log.stage("setup", hop.number, "keyring", waiting_for) as stage:
        stage.question = words("is it locked, and does it ask for its password somewhere?")
        return await keyring_credentials(hop.proxy, hop.number)


def _schemes(given: CheckedProxyAuth) -> tuple[ProxyAuth | SchemeName, ...]:
    return given if isinstance(given, tuple) else ()


async def _headers(
    hop: Hop, authority: str, options: DialOptions, log: StageLog
) -> tuple[HeaderPairs, frozenset[bytes]]:
    if options.make_headers is None:
        return options.proxy_headers, options.omitted_headers
    with _own(hop, words("the function given as proxy_headers="), log):
        made = options.make_headers(hop.proxy, authority)
        if not inspect.isawaitable(made):
            kind = type(made).__name__
            raise TypeError(f"proxy_headers: the function must be async; it gave {kind}")
        pairs = await made
        if isinstance(pairs, (str, bytes)) or not isinstance(pairs, (Iterable, type(None))):
            kind = type(pairs).__name__
            raise TypeError(f"proxy_headers: the function gives a mapping or pairs, not {kind}")
    return proxy_header_pairs(pairs, name="proxy_headers")


@contextmanager
def _own(hop: Hop, whom: Words, log: StageLog) -> Iterator[None]:
    """Wait for a function of the program's."""
    waiting_for = words("{whom}, for {hop}", whom=whom, hop=hop.name)
    with log.stage("setup", hop.number, hop.authority, waiting_for) as stage:
        stage.question = words(
            "does it come to an end, or is {connect_timeout} too short?",
            connect_timeout=Topic.CONNECT_TIMEOUT,
        )
        try:
            yield
        except Exception as exc:
            # It is the program's own error and goes up as it is; but from where, it says.
            if sys.version_info >= (3, 11):
                exc.add_note(f"raised by {waiting_for}")
            raise
