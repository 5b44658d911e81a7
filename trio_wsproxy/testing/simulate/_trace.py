"""What happened in a universe, line by line, and a digest of it: two runs of one seed have the same."""

from __future__ import annotations

import hashlib


class Trace:
    """The record of one universe.

    Attributes:
      lines (list[str]): What happened on the network, in order: when, where, what, how many bytes.

    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._payload = hashlib.blake2b(digest_size=16)

    def add(self, now: float, where: str, what: str, data: bytes | None = None) -> None:
        """Add a line; of ``data`` the number of bytes is shown, and their content is digested apart."""
        size = "" if data is None else f" {len(data)}"
        self.lines.append(f"{now:.9f} {where} {what}{size}")
        if data:
            self._payload.update(data)

    @property
    def digest(self) -> str:
        """Of all that happened, and when: the same in each run of a seed, with TLS too."""
        return hashlib.blake2b("\n".join(self.lines).encode(), digest_size=16).hexdigest()

    @property
    def payload_digest(self) -> str:
        """Of each byte that was carried: the same in each run of a seed, where there is no TLS."""
        return self._payload.hexdigest()
