"""Route: the hops to a target, and how they were found. Frozen, and free of secrets."""

from __future__ import annotations

from dataclasses import dataclass

from trio_wsproxy._urls._proxies import Proxy, Target

__all__ = ["Look", "Route"]

_TUNNEL_NAMES = {
    "http": "CONNECT",
    "https": "CONNECT",
    "socks4": "SOCKS4",
    "socks4a": "SOCKS4a",
    "socks5": "SOCKS5",
    "socks5h": "SOCKS5h",
}


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

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.place}: {self.outcome}"
        return f"{self.place.removesuffix('=')} = {self.value!r}: {self.outcome}"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a target.

    Attributes:
      hops: The proxies to go through, nearest first; empty for a direct connection.
      target: Where the way ends.
      source: The place that decided: ``"environment variable https_proxy"``,
        ``"argument proxy="``, ``"operating system settings"``, ``"loopback rule"``, or
        ``"direct"`` if there was no setting at all.
      trail: Each place looked at, in order.

    """

    hops: tuple[Proxy, ...]
    target: Target
    source: str
    trail: tuple[Look, ...] = ()

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
    def picture(self) -> str:
        """The chain in one line, nearest hop first."""
        parts = ["client ─tcp→ "]
        for hop in self.hops:
            tls = "─TLS→ " if hop.scheme == "https" else ""
            parts.append(f"{hop.authority} {tls}─{_TUNNEL_NAMES[hop.scheme]}→ ")
        end = "WebSocket" if self.target.scheme in ("ws", "wss") else "stream"
        parts.append(f"{self.target.authority} {'─TLS→' if self.target.secure else '─→'} {end}")
        return "".join(parts)
