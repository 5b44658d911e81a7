"""Digest: a password is proven without being sent (RFC 7616)."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from trio_wsproxy._exceptions import Headers

from ._basic import check_credentials
from ._challenges import ProxyChallenge, as_sent, parse_parameters
from ._memory import known
from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest

# RFC 7616 section 3.3, in its spelling; the strongest last. "-sess" variants are made from them.
ALGORITHMS = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}


class Nonce:
    """What a challenge said, and how often it was answered (RFC 7616 section 3.3)."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self.parameters = parameters
        self.cnonce = secrets.token_hex(16)
        self.counter = itertools.count(1)


@dataclass(frozen=True)
class DigestAuth(ProxyAuth):
    """User name and password, proven without being sent (RFC 7616).

    MD5, SHA-256 and SHA-512-256, each also as ``-sess``, with quality of protection
    ``auth``, or none as in RFC 2069. What the proxy has said is remembered as long as the program
    runs, so that the next tunnel through the same proxy is opened in one round.

    Args:
      username: May not have a ``:`` in it.
      password: The password.

    Raises:
      ProxyConfigError: Digest cannot carry these.

    """

    username: str
    password: str = field(repr=False)
    name = "Digest"

    def __post_init__(self) -> None:
        check_credentials("Digest", self.username, self.password)

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        return DigestConversation(self, request)


class DigestConversation:
    """What is said to one proxy for one tunnel; see :class:`ProxyAuthConversation`."""

    needs_same_connection = False

    def __init__(self, auth: DigestAuth, request: ProxyAuthRequest) -> None:
        self._auth = auth
        self._request = request
        self._known = known(request, auth.username)
        self._answered = False

    def first(self) -> str | None:
        nonce = self._known.nonce
        return self._value(nonce) if nonce else None

    def answer(self, challenge: ProxyChallenge) -> str | None:
        stale = challenge.parameters.get("stale", "").lower() == "true"
        self._known.nonce = None
        if self._answered and not stale:
            return None
        if not can_answer_digest(challenge):
            return None
        self._answered = True
        self._known.nonce = nonce = Nonce(dict(challenge.parameters))
        return self._value(nonce)

    def accepted(self, headers: Headers) -> None:
        """Take over the next nonce, if the proxy names one (RFC 7616 section 3.5)."""
        nonce = self._known.nonce
        for name, value in headers:
            if nonce is not None and name == b"proxy-authentication-info":
                following = parse_parameters(value.decode("utf-8", "replace")).get("nextnonce")
                if following:
                    parameters = {**nonce.parameters, "nonce": following}
                    self._known.nonce = Nonce(parameters)

    def _value(self, nonce: Nonce) -> str:
        return digest(
            self._auth.username,
            self._auth.password,
            self._request.method,
            self._request.target,
            nonce.parameters,
            cnonce=nonce.cnonce,
            count=next(nonce.counter),
        )


def _hash(algorithm: str) -> Callable[[str], str] | None:
    """Find the hash of an algorithm, ``-sess`` or not, if this machine has it."""
    name = ALGORITHMS.get(algorithm.lower().removesuffix("-sess"))
    if name is None:
        return None
    try:
        # The proxy chooses; MD5 proves knowledge of a password here, it does not sign.
        hashlib.new(name, b"", usedforsecurity=False)
    except ValueError:
        return None
    return lambda text: hashlib.new(name, as_sent(text), usedforsecurity=False).hexdigest()


def _qops(parameters: dict[str, str]) -> set[str]:
    return {item.strip().lower() for item in parameters.get("qop", "").split(",")} - {""}


def can_answer_digest(challenge: ProxyChallenge) -> bool:
    """Tell whether a Digest challenge asks for what is known here.

    Args:
      challenge: The challenge.

    Returns:
      Whether its algorithm is one of ours, its quality of protection ``auth`` or none, and
      its realm and nonce are there.

    """
    parameters = dict(challenge.parameters)
    return (
        _hash(parameters.get("algorithm", "MD5")) is not None
        and (not _qops(parameters) or "auth" in _qops(parameters))
        and {"realm", "nonce"} <= set(parameters)
    )


def digest(
    username: str,
    password: str,
    method: str,
    uri: str,
    parameters: dict[str, str],
    *,
    cnonce: str,
    count: int,
) -> str:
    """Answer a Digest challenge (RFC 7616 section 3.4).

    Args:
      username: The user name.
      password: The password.
      method: The request's method.
      uri: The request's target.
      parameters: Those of a challenge for which :func:`can_answer_digest` holds.
      cnonce: The client's nonce.
      count: How often the challenge's nonce has been used, this time included.

    Returns:
      The value of the header.

    """
    algorithm = parameters.get("algorithm", "MD5")
    h = _hash(algorithm)
    assert h is not None  # by contract
    realm, nonce = parameters["realm"], parameters["nonce"]
    qop = "auth" if _qops(parameters) else ""
    secret = h(f"{username}:{realm}:{password}")
    if algorithm.lower().endswith("-sess"):
        secret = h(f"{secret}:{nonce}:{cnonce}")
    request = h(f"{method}:{uri}")
    middle = f"{nonce}:{count:08x}:{cnonce}:{qop}" if qop else nonce
    fields = [
        *_user_fields(username, realm, parameters, h),
        f"realm={_quoted(realm)}",
        f"nonce={_quoted(nonce)}",
        f"uri={_quoted(uri)}",
        f'response="{h(f"{secret}:{middle}:{request}")}"',
    ]
    if "algorithm" in parameters:
        fields.append(f"algorithm={algorithm}")
    if qop:
        fields += [f"qop={qop}", f"nc={count:08x}"]
    if qop or algorithm.lower().endswith("-sess"):
        fields.append(f'cnonce="{cnonce}"')
    if "opaque" in parameters:
        fields.append(f"opaque={_quoted(parameters['opaque'])}")
    return "Digest " + ", ".join(fields)


def _user_fields(
    username: str, realm: str, parameters: dict[str, str], h: Callable[[str], str]
) -> list[str]:
    if parameters.get("userhash", "").lower() == "true":
        return [f'username="{h(f"{username}:{realm}")}"', "userhash=true"]
    if not username.isascii() and parameters.get("charset", "").lower() == "utf-8":
        return [f"username*=UTF-8''{quote(username, safe='')}"]
    return [f"username={_quoted(username)}"]  # in UTF-8, as curl sends it


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
