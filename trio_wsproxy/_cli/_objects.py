"""The objects that ``--json`` writes, of ``check`` and of ``explain``: the same names for the same things.

They are described by a JSON Schema, ``docs/extra/trio-wsproxy.schema.json``, to which the tests hold them.
"""

from __future__ import annotations

from typing import Any

from trio_wsproxy._redaction import escaped
from trio_wsproxy._routing import Look, Route, bad_for


def of_route(url: str, route: Route | None) -> dict[str, Any]:
    """Give what both commands know of a route.

    Args:
      url: The URL that was typed, masked.
      route: The way to it; ``None`` where none was found.

    """
    if route is None:
        return {
            "url": url,
            "target": None,
            "source": None,
            "hops": [],
            "trail": [],
            "picture": None,
            "alternatives": [],
            "notes": [],
        }
    return {
        "url": route.target.url,
        "target": route.target.authority,
        "source": route.source,
        "hops": [hop.url for hop in route.hops],
        "trail": [_look(look) for look in route.trail],
        "picture": route.picture,
        "alternatives": [
            {"hops": [hop.url for hop in way.hops], "bad_for": bad_for(way)}
            for way in route.alternatives or (route,)
        ],
        "notes": [escaped(note) for note in route.notes],
    }


def _look(look: Look) -> dict[str, str | None]:
    value = None if look.value is None else escaped(look.value)
    return {"place": look.place, "value": value, "outcome": escaped(look.outcome)}


def of_error(kind: str, message: str, error: BaseException | None = None) -> dict[str, Any]:
    """Give what went wrong.

    Args:
      kind: The name of its class.
      message: In the words of the command line.
      error: It tells the stage and the hop, where it has them.

    """
    return {
        "type": kind,
        "message": message,
        "stage": getattr(error, "stage", None),
        "hop": getattr(error, "hop", None),
    }
