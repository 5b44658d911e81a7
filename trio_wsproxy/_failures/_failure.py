"""A failure: where, at what, of what kind, what proves it, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from ._words import Vocabulary, Words, words

#: What goes on while a connection comes about, and when it ends; "config" is before anything is
#: dialed, "desktop" is reading the desktop's settings, "pac" is asking a PAC script for the way, "setup" is what a dial
#: needs of this machine: a trust store, python-socks.
StageName: TypeAlias = Literal[
    "config",
    "desktop",
    "pac",
    "setup",
    "resolve",
    "tcp",
    "proxy_tls",
    "connect",
    "socks",
    "server_tls",
    "upgrade",
    "close",
]


class Kind(Enum):
    """What kind of failure it is; this, not its words, is what decisions are made by."""

    MISCONFIGURED = auto()  # a setting cannot be used
    NAME_UNKNOWN = auto()  # it has no address here
    NO_CONNECTION = auto()  # TCP: nobody there, or no way
    NO_TLS = auto()  # the peer speaks something else on that port
    UNKNOWN_ISSUER = auto()  # nobody here knows who signed its certificate
    CERTIFICATE_REFUSED = auto()  # for another reason
    TLS_FAILED = auto()  # the handshake failed otherwise
    REFUSED = auto()  # the peer answered in its protocol, and said no
    UNAUTHENTICATED = auto()  # … because of the credentials
    CUT_OFF = auto()  # the connection ended in the middle
    OTHER_PROTOCOL = auto()  # the peer answered in another protocol, or a broken one
    TIMED_OUT = auto()  # the caller's time was over
    EXHAUSTED = auto()  # this process or machine has no more descriptors, threads or memory


class Evidence(Protocol):
    """What proves a failure, or was found on the way; see :mod:`trio_wsproxy._report`."""

    def details(self) -> Mapping[str, Any]:
        """Give what may be shown of it, as what JSON has."""


class Place(NamedTuple):
    """Who failed: a proxy or the server.

    Attributes:
      url: The proxy's, masked; ``None`` for the server, and where no proxy could be made out.
      hop: The place of the proxy in the chain, from 1, nearest first; ``None`` for the server.

    """

    url: str | None = None
    hop: int | None = None


NOWHERE = Place()  # the server, or a setting that never became a proxy


class Failure(NamedTuple):
    """All that is known about a failure.

    Attributes:
      kind: What kind of failure it is.
      stage: What was going on.
      what: Who failed and how, in words.
      remedy: What to try, in words; ``None`` where nobody knows.
      place: Who failed.
      evidence: What proves it.

    """

    kind: Kind
    stage: StageName
    what: Words
    remedy: Words | None = None
    place: Place = NOWHERE
    evidence: Evidence | None = None

    @property
    def words(self) -> Words:
        """The whole message."""
        if self.remedy is None:
            return self.what
        return words("{what}; {remedy}", what=self.what, remedy=self.remedy)

    def render(self, vocabulary: Vocabulary) -> str:
        """Say all of it to a reader with this vocabulary."""
        return self.words.render(vocabulary)
