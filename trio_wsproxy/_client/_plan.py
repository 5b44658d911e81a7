"""What an attempt is to do: a checked call, and what becomes of it where a server redirects."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import NamedTuple

from trio_wsproxy._exceptions import ServerRejected
from trio_wsproxy._failures import Failure, Topic, words
from trio_wsproxy._http import HeaderPairs
from trio_wsproxy._report import Stage, Trace
from trio_wsproxy._routing import ProxyArgument
from trio_wsproxy._transport import DialOptions
from trio_wsproxy._urls import Target
from trio_wsproxy._websocket import ConnectionSettings, Deflate

from ._misuse import check_context
from ._options import Options, checked, connection_settings, dial_options
from ._redirects import (
    RedirectPolicy,
    address_check,
    check_name,
    granted,
    headers_for,
    read_redirect,
    source_space,
)


class Plan(NamedTuple):
    """A checked call of one of the public functions."""

    target: Target
    ssl_context: ssl.SSLContext | None
    subprotocols: tuple[str, ...]
    headers: HeaderPairs
    deflate: Deflate | None
    max_redirects: int
    redirect_policy: RedirectPolicy | None
    trace: Trace | None
    proxy: ProxyArgument
    dial_options: DialOptions
    connect_timeout: float
    settings: ConnectionSettings
    withheld: bool = False  # ssl_context was, where a redirect has led to another origin


def make_plan(target: Target, ssl_context: ssl.SSLContext | None, options: Options) -> Plan:
    """Check all arguments; nothing has been sent yet."""
    check_context("ssl_context", ssl_context)
    if ssl_context is not None and not target.secure:
        option = Topic.SSL_CONTEXT
        raise ValueError(
            words(
                "{option} is for TLS with the server and needs a wss:// URL, but this is {url}; for TLS "
                "with an https:// proxy there is {other}",
                option=option,
                url=target.url,
                other=Topic.PROXY_SSL_CONTEXT,
            )
        )
    values = checked(options)
    return Plan(
        target=target,
        ssl_context=ssl_context,
        subprotocols=values["subprotocols"],
        headers=values["extra_headers"],
        deflate=values["compression"],
        max_redirects=values["max_redirects"],
        redirect_policy=values["redirect_policy"],
        trace=values["trace"],
        proxy=values["proxy"],
        dial_options=dial_options(values),
        connect_timeout=values["connect_timeout"],
        settings=connection_settings(values),
    )


def redirected(plan: Plan, refusal: ServerRejected, stages: Iterable[Stage]) -> Plan:
    """Plan what a redirect asks for, with what may go along.

    Args:
      plan: What was asked for.
      refusal: The server's answer.
      stages: Of the dial so far.

    Raises:
      ServerRejected: The refusal itself, where it is no redirect.
      HandshakeError: It is one that must not be followed.

    """
    redirect = read_redirect(plan.target, refusal)
    if redirect is None:
        raise refusal
    grant = granted(plan.redirect_policy, redirect)
    check = None
    if not grant.private:
        space = source_space(plan.target, stages)
        check_name(redirect, space)
        check = address_check(redirect, space)
    new = plan._replace(
        target=redirect.target,
        headers=headers_for(plan.headers, redirect, grant),
        dial_options=plan.dial_options._replace(check_addresses=check),
    )
    if redirect.same_origin:
        return new
    context = plan.ssl_context if grant.ssl_context is True else grant.ssl_context or None
    context = context if redirect.target.secure else None
    return new._replace(
        ssl_context=context,
        withheld=plan.withheld or (plan.ssl_context is not None and context is None),
        subprotocols=plan.subprotocols if grant.subprotocols else (),
    )


def without_context(failure: Failure) -> Failure:
    """Add to a failure of TLS behind a redirect that ``ssl_context`` was not used there."""
    hint = words(
        "{context} is for the origin that was asked for first, {grant}",
        context=Topic.SSL_CONTEXT,
        grant=Topic.GRANT_CONTEXT,
    )
    if failure.remedy is not None:
        hint = words("{remedy}; or {hint}", remedy=failure.remedy, hint=hint)
    return failure._replace(remedy=hint)
