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

import trio

from trio_wsproxy._client import Found, find_ways
from trio_wsproxy._exceptions import HandshakeError
from trio_wsproxy._redaction import escaped, secret
from trio_wsproxy._routing import Look, Route, bad_for, environment

from ._arguments import add_proxy_options, proxy_argument
from ._console import Console
from ._json import written
from ._rivals import Comparison, compare
from ._words import refuse, route_as_typed

_DESCRIPTION = """\
Shows the route to a URL without connecting: each place looked at for a proxy,
what stood there and what came of it, and what curl, Go, requests and websockets
would do in the same environment where that differs. Passwords are masked.
"""
_EPILOG = """\
examples:
  trio-wsproxy explain wss://example.org/chat
  trio-wsproxy explain --json tls://example.org:8443
  https_proxy=http://proxy.corp:3128 trio-wsproxy explain wss://example.org
  trio-wsproxy explain --pac http://wpad.corp/proxy.pac wss://example.org

A PAC script is loaded and asked. Exits with 2 if the URL or a setting is
malformed, or the script no good, and names the variable.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options.

    Args:
      commands: Where to add them.

    """
    command = commands.add_parser(
        "explain",
        help="show which proxy would be used, and why, without connecting",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "url",
        metavar="URL",
        help="ws://…, wss://…, http://…, https://…, tcp://host:port or tls://host:port",
    )
    add_proxy_options(command)
    command.add_argument("--json", action="store_true", help="write one JSON object")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Explain one URL.

    Args:
      arguments: ``url``, ``proxy``, ``no_proxy`` and ``json``.
      console: Where to write.

    Returns:
      The exit code: 0, or 2 if the URL or a setting is malformed, or a PAC script is no good.

    """
    try:
        found = trio.run(_find, arguments)
    except (ValueError, HandshakeError) as exc:  # ProxyConfigError is both
        return refuse(exc, console, as_json=arguments.json)
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
    """The object that docs/cli-explain.rst describes."""
    route = found.route
    return {
        "url": route.target.url,
        "target": route.target.authority,
        "source": route.source,
        "hops": [hop.url for hop in route.hops],
        "trail": [
            {"place": look.place, "value": _value(look), "outcome": escaped(look.outcome)}
            for look in route.trail
        ],
        "picture": route.picture,
        "alternatives": [
            {"hops": [hop.url for hop in way.hops], "bad_for": bad_for(way)}
            for way in route.alternatives or (route,)
        ],
        "scripts": [
            {"source": pac.shown, "characters": answer.size, **answer.details()}
            for pac, answer in found.scripts
        ],
        "notes": [escaped(note) for note in route.notes],
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


def _value(look: Look) -> str | None:
    return None if look.value is None else escaped(look.value)


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
