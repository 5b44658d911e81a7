"""What the stages of a dial found: small values, whose ``details()`` has no secrets in it.

=====================  ====================================================================
evidence               of
=====================  ====================================================================
``Addresses``          a lookup
``Attempts``           TCP
``TLS``                a TLS handshake that succeeded
``Certificate``        one that failed, where the peer's certificate is known all the same
``HTTPAnswer``         ``CONNECT`` and the upgrade
``SocksAnswer``        a SOCKS proxy
``ScriptAnswer``       a PAC script
=====================  ====================================================================

Nothing is made of them until somebody asks, for nearly nobody does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from trio_wsproxy._records import Record
from trio_wsproxy._redaction import SentSecrets, shown_head_lines

from ._certificates import Certificate, read_certificate

Details: TypeAlias = Mapping[str, Any]  # values are what JSON has


class Addresses(NamedTuple):
    """What a name resolved to."""

    found: tuple[str, ...]

    def details(self) -> Details:
        """Give the addresses."""
        return {"addresses": list(self.found)}


class Attempt(Record):
    """What happened to one address.

    Attributes:
      address: ``"192.0.2.1"``.
      outcome: ``"connected"``, the system's words for its error, or ``"given up"`` where
        another address was faster, or the caller did not wait.

    """

    __slots__ = ("address", "outcome")

    def __init__(self, address: str, outcome: str = "given up") -> None:
        self.address = address
        self.outcome = outcome


class Attempts(NamedTuple):
    """What happened to all of them; there are more as long as the stage goes on."""

    each: list[Attempt]

    def details(self) -> Details:
        """Give each address and its outcome."""
        return {"attempts": [{"address": x.address, "outcome": x.outcome} for x in self.each]}

    @property
    def outcomes(self) -> str:
        """The outcomes in one line, each of them once."""
        return " / ".join(dict.fromkeys(attempt.outcome for attempt in self.each))


class HTTPAnswer:
    """The head of an answer to ``CONNECT`` or to the upgrade.

    Args:
      head: As it came.
      sent: What of the request is not told where the head repeats it.

    """

    __slots__ = ("_head", "_sent")

    def __init__(self, head: bytes, sent: SentSecrets | None = None) -> None:
        self._head = head
        self._sent = sent

    @property
    def head(self) -> bytes:
        """The head, without what was sent."""
        return self._head if self._sent is None else self._sent.hide(self._head)

    def __eq__(self, other: object) -> bool:
        """Compare what is told."""
        return isinstance(other, HTTPAnswer) and self.head == other.head

    def __hash__(self) -> int:
        return hash(self.head)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave at home what was sent."""
        return HTTPAnswer, (self.head,)

    def details(self) -> Details:
        """Give its lines, masked."""
        status, *headers = shown_head_lines(self.head)
        return {"status": status, "headers": headers}


class SocksAnswer(NamedTuple):
    """The first bytes of a SOCKS proxy's last answer."""

    reply: bytes

    def details(self) -> Details:
        """Give them in hexadecimal."""
        return {"reply": self.reply.hex(" ")} if self.reply else {}


class ScriptAnswer(NamedTuple):
    """What a PAC script said, all of it fit to be shown."""

    answer: str
    names: tuple[tuple[str, tuple[str, ...]], ...]
    runs: int

    def details(self) -> Details:
        """Give the answer, the names that were looked up for it, and how often the script ran."""
        names = [{"name": name, "addresses": list(found)} for name, found in self.names]
        return {"answer": self.answer, "names": names, "runs": self.runs}


class TLS(NamedTuple):
    """What a handshake agreed on; taken at once, for a stream forgets it when it is closed.

    Attributes:
      version: ``"TLSv1.3"``.
      cipher: OpenSSL's name.
      alpn: The protocol, or ``None``.
      certificate: The peer's, in DER; it is read when somebody asks.

    """

    version: str | None
    cipher: str | None
    alpn: str | None
    certificate: bytes | None

    @classmethod
    def of(cls, stream: Any) -> TLS:
        """Take what a stream knows, one of trio's or one that answers like it."""
        cipher = stream.cipher()
        return cls(
            stream.version(),
            cipher[0] if cipher else None,
            stream.selected_alpn_protocol(),
            stream.getpeercert(binary_form=True),
        )

    def details(self) -> Details:
        """Give what is known, and what stands in the certificate."""
        known = {"version": self.version, "cipher": self.cipher, "alpn": self.alpn}
        details: dict[str, Any] = {
            name: value for name, value in known.items() if value is not None
        }
        if self.certificate:
            with suppress(ValueError):  # OpenSSL has read it; what we cannot read is left out
                details |= read_certificate(self.certificate).details()
        return details


#: All that a stage may find.
StageEvidence: TypeAlias = (
    Addresses | Attempts | TLS | Certificate | HTTPAnswer | SocksAnswer | ScriptAnswer
)
