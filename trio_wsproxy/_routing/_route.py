"""Route: the hops to a target, and how they were found. Frozen, and free of secrets."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import lru_cache

from trio_wsproxy._failures import PARAMETERS, Topic, Value, Vocabulary
from trio_wsproxy._urls import Proxy, Target

logger = logging.getLogger("trio_wsproxy")

__all__ = ["Look", "Route"]

_TUNNEL_NAMES = {
    "http": "CONNECT",
    "https": "CONNECT",
    "socks4": "SOCKS4",
    "socks4a": "SOCKS4a",
    "socks5": "SOCKS5",
    "socks5h": "SOCKS5h",
}
# What is spoken with the target, for the picture.
_ENDS = {"ws": "WebSocket", "wss": "WebSocket", "http": "HTTP", "https": "HTTP"}

# What routes call their source, and messages the place.
SYSTEM = "operating system settings"
GNOME = "GNOME's settings"
KDE = "KDE's settings"
PORTAL = "the sandbox's portal"
DESKTOP_SOURCES = frozenset((GNOME, KDE, PORTAL))

_VARIABLE = "environment variable "


def place_of(variable: str) -> str:
    """Name the place that an environment variable is."""
    return f"{_VARIABLE}{variable}"


def variable_of(place: str) -> str | None:
    """Read :func:`place_of` the other way round; ``None`` for another kind of place."""
    return place[len(_VARIABLE) :] if place.startswith(_VARIABLE) else None


@dataclass(frozen=True, slots=True)
class Look:
    """One step of the search for a proxy: a place, what stood there, what came of it.

    Attributes:
      place: Where was looked, for example ``"environment variable https_proxy"``.
      value: What stood there, masked; ``None`` if nothing did, or nobody looked.
      outcome: What that meant, for example ``"used"`` or ``"not set"``.

    """

    place: str
    value: str | None
    outcome: str

    @property
    def variable(self) -> str | None:
        """The environment variable that was looked at, if it was one."""
        return variable_of(self.place)

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.place}: {self.outcome}"
        return f"{self.place.removesuffix('=')} = {self.value!r}: {self.outcome}"


class Trail(list[Look]):
    """The places looked at so far.

    Attributes:
      notes: What is odd in a setting, and was passed over.

    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, place: str, outcome: str) -> None:
        """Add a look at something odd, which reports and the log are to name, too."""
        self.append(Look(place, None, outcome))
        self.notes.append(str(self[-1]))
        warn_once(self.notes[-1])


@lru_cache(32)  # a program that connects again and again says it once
def warn_once(note: str) -> None:
    """Write down for the log what is odd in a setting."""
    logger.warning("%s", note)


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a target.

    Attributes:
      hops: The proxies to go through, nearest first; empty for a direct connection.
      target: Where the way ends.
      source: The place that decided: ``"environment variable https_proxy"``,
        ``"argument proxy="``, ``"operating system settings"`` (Windows, macOS), ``"GNOME's settings"``,
        ``"KDE's settings"``, ``"the sandbox's portal"``, ``"PAC script …"``, ``"loopback rule"``, or
        ``"direct"`` if there was no setting at all.
      trail: Each place looked at, in order.
      given: Whether it was said by whoever wants the route, and not found in a setting.
      notes: What was odd in a setting and is passed over, a line each: entries of ``no_proxy`` that
        make no sense, for example. They stand in the trail, too.
      alternatives: Where there are several ways, all of them in the order in which they are tried;
        the first is this one. Empty where there is one way only.
      tried: The alternatives that were tried before this one, and why they failed.
      known: Whether the hops are known; they are not where a PAC script was to name them and did not.

    """

    hops: tuple[Proxy, ...]
    target: Target
    source: str
    trail: tuple[Look, ...] = ()
    given: bool = False
    notes: tuple[str, ...] = ()
    alternatives: tuple[Route, ...] = ()
    tried: tuple[Look, ...] = ()
    known: bool = True

    @property
    def variable(self) -> str | None:
        """The environment variable that decided, if it was one."""
        return variable_of(self.source)

    def explain(self) -> str:
        """Tell how this route was found, and draw it.

        Returns:
          One line for each place looked at, with what stood there (masked) and what came of
          it; then the chain in one line, nearest hop first::

              client ─tcp→ proxy:3128 ─TLS→ ─CONNECT→ example.org:443 ─TLS→ WebSocket

        """
        return "\n".join(
            [f"Route to {self.target}", *(f"  {look}" for look in self.trail), self.picture]
        )

    @property
    def way(self) -> str:
        """The masked URLs of the hops, or ``"DIRECT"``."""
        return ", ".join(hop.url for hop in self.hops) or "DIRECT"

    @property
    def picture(self) -> str:
        """The chain in one line, nearest hop first."""
        parts = ["client ─tcp→ " if self.known else "client ─?→ "]
        for hop in self.hops:
            tls = "─TLS→ " if hop.scheme == "https" else ""
            parts.append(f"{hop.authority} {tls}─{_TUNNEL_NAMES[hop.scheme]}→ ")
        end = _ENDS.get(self.target.scheme, "stream")
        parts.append(f"{self.target.authority} {'─TLS→' if self.target.secure else '─→'} {end}")
        return "".join(parts)


def decider(route: Route) -> Value:
    """Give the source of a route, for words about it."""
    return Topic.ARGUMENT if route.given else route.source


def holds_urls(source: Value) -> bool:
    """Tell whether a setting holds proxy URLs, into which credentials can be put.

    Arguments and variables do; PAC scripts and desktops name hosts and ports.
    """
    if not isinstance(source, str) or source == PARAMETERS[Topic.ARGUMENT]:
        return True
    return variable_of(source) is not None


def spoken(route: Route, vocabulary: Vocabulary) -> Route:
    """Call our options in a route what ``vocabulary`` does."""
    place = vocabulary[Topic.ARGUMENT]
    ours = PARAMETERS[Topic.ARGUMENT]
    trail = (replace(x, place=place) if x.place == ours else x for x in route.trail)
    source = place if route.given else route.source  # that of a script's answer is the script
    return replace(route, source=source, trail=tuple(trail))
