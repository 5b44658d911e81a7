"""``trio-wsproxy explain URL``: which proxy would be used, and why. No connection is made.

But for a PAC script, which is loaded and asked where a setting names one.
What is shown is a :class:`~trio_wsproxy._routing.Route` and, beside it, what other clients make of
the same environment (:mod:`._rivals`). Both are masked where they are made, so there is no
secret here to be lost.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from trio_wsproxy._client import Found, find_ways
from trio_wsproxy._exceptions import HandshakeError
from trio_wsproxy._redaction import escaped, secret
from trio_wsproxy._routing import Look, Route, environment

from ._console import Console
from ._credentials import proxy_argument
from ._json import written
from ._objects import of_route
from ._rivals import Comparison, compare
from ._running import run_in_trio
from ._words import refuse, route_as_typed


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Explain one URL.

    Args:
      arguments: ``url``, ``proxy``, ``no_proxy`` and ``json``.
      console: Where to write.

    Returns:
      The exit code: 0, or 2 if the URL or a setting is malformed, or a PAC script is no good.

    """
    try:
        found = run_in_trio(_find, arguments)
    except (ValueError, HandshakeError) as exc:  # ProxyConfigError is both
        return refuse(exc, console, arguments)
    others = _others(found.route, arguments)
    route = route_as_typed(found.route, arguments)
    if arguments.json:
        console.print(written(_as_json(found._replace(route=route), others), indent=2))
    else:
        _show(route, others, console)
    return 0


async def _find(arguments: argparse.Namespace) -> Found:
    """Find the route; a PAC script, if there is one, is loaded and asked, each within its limits."""
    return await find_ways(secret(arguments.url), proxy_argument(arguments))


def _others(route: Route, arguments: argparse.Namespace) -> Sequence[Comparison]:
    """What the others would do; nothing if we do not go by the environment either."""
    if proxy_argument(arguments) is not True:
        return ()
    return compare(route, environment(), platform=sys.platform)


# --- for programs ------------------------------------------------------------------------


def _as_json(found: Found, others: Sequence[Comparison]) -> dict[str, Any]:
    """The object that docs/cli.rst and its schema describe."""
    route = found.route
    return {
        "command": "explain",
        "ok": True,
        "error": None,
        **of_route(route.target.url, route),
        "scripts": [
            {"source": pac.shown, "characters": answer.size, **answer.details()}
            for pac, answer in found.scripts
        ],
        "others": [
            {
                "client": other.client,
                "route": other.route,
                "differs": other.differs,
                "why": escaped(other.why),
            }
            for other in others
        ],
    }


# --- for people --------------------------------------------------------------------------


def _show(route: Route, others: Sequence[Comparison], console: Console) -> None:
    console.paragraph(_headline(route), style="strong")
    source = "no proxy is set" if route.source == "direct" else route.source
    console.paragraph(f"decided by: {source}")
    console.print()
    console.print("Looked at, in this order:", style="strong")
    console.table(("", ""), [_row(look) for look in route.trail], indent=2)
    console.print()
    console.print("The way:", style="strong")
    console.paragraph(console.drawn(route.picture), indent=2)
    if others:
        console.print()
        _show_others(route, others, console)


def _headline(route: Route) -> str:
    if not route.hops:
        return f"{route.target} is reached directly"
    return f"{route.target} is reached through {', then '.join(hop.url for hop in route.hops)}"


def _row(look: Look) -> tuple[str, str]:
    place = look.variable or look.place
    value = "" if look.value is None else f"'{escaped(look.value)}': "
    return place, value + escaped(look.outcome)


def _show_others(route: Route, others: Sequence[Comparison], console: Console) -> None:
    differing = [other for other in others if other.differs]
    but = [other for other in others if other.why and not other.differs]
    same = [other.client for other in others if not other.why]
    if differing:
        console.paragraph("In the same environment, others would go another way:", style="strong")
        rows = [(other.client, other.route, escaped(other.clause)) for other in differing]
        console.table(("client", "route", "why"), rows, indent=2)
    start = "The same way as here" if differing else "In the same environment, the same way"
    if but:
        console.paragraph(f"{start}, but otherwise:", style="strong")
        console.table(("client", "what"), [(x.client, escaped(x.clause)) for x in but], indent=2)
        start = "The same way as here"
    if same:
        console.paragraph(f"{start}: {', '.join(same)}.")
    scheme = route.target.scheme
    console.paragraph(
        f"(Go and requests do not know {scheme}:// and are taken to be asked for "
        f"{'https' if route.target.secure else 'http'}://.)",
        style="dim",
    )
