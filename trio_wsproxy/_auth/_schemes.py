"""Proxy authentication: the schemes, and what a tunnel says when it is challenged.

Each scheme is a :class:`ProxyAuth`: Basic, Digest, Bearer, and Negotiate and NTLM, which
pyspnego speaks. :class:`Authentication` is the memory of one hop while its tunnel is being
opened: which schemes there are credentials for, which of them were refused, and what to
send with the next request, be it on this connection or on another one.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import trio

from trio_wsproxy._exceptions import Headers, ProxyConfigError
from trio_wsproxy._http import header_pairs
from trio_wsproxy._redaction import printable

from ._scheme import (
    ProxyAuth,
    ProxyAuthConversation,
    ProxyAuthRequest,
    ProxyChallenge,
    parse_parameters,
)

MAX_ROUNDS = 4  # requests for one tunnel; NTLM behind a refused Basic takes three

# RFC 7616 section 3.3, in its spelling; the strongest last. "-sess" variants are made from them.
_ALGORITHMS = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}

# Who passes a token or a scheme of their own means it; then by what an eavesdropper learns.
_STRENGTH = {"negotiate": 5, "ntlm": 4, "digest": 2, "basic": 0}
_OWN_SCHEME = 6

_HEADER = b"Proxy-Authorization"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# --- Basic and Bearer --------------------------------------------------------------------


def basic(username: str, password: str) -> str:
    """Make the value of a Basic ``Proxy-Authorization`` header (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _check_credentials(scheme: str, username: str, password: str) -> None:
    if not isinstance(username, str) or not isinstance(password, str):
        raise TypeError(f"{scheme}: user name and password are str")
    if ":" in username:
        raise ProxyConfigError(f"{scheme} cannot carry a user name with ':' in it")
    if _CONTROL.search(username + password):
        raise ProxyConfigError(f"{scheme} cannot carry control characters in the credentials")


class _Once:
    """A conversation that says one thing, at once; a challenge behind it is a refusal."""

    needs_same_connection = False

    def __init__(self, value: Callable[[], str | Awaitable[str]]) -> None:
        self._value: Callable[[], str | Awaitable[str]] | None = value

    def first(self) -> str | Awaitable[str | None] | None:
        value, self._value = self._value, None
        return value() if value else None

    def answer(
        self,
        challenge: ProxyChallenge,  # noqa: ARG002  # whatever it says
    ) -> str | Awaitable[str | None] | None:
        return self.first()

    def accepted(self, headers: Headers) -> None:
        pass


@dataclass(frozen=True)
class BasicAuth:
    """User name and password, readable for everybody between here and the proxy (RFC 7617).

    They are sent in UTF-8, with the first request; as one of several schemes and not the
    first of them, only when the proxy offers nothing better.

    Args:
      username: May not have a ``:`` in it.
      password: The password.

    Raises:
      ProxyConfigError: Basic cannot carry these.

    """

    username: str
    password: str = field(repr=False)
    name = "Basic"

    def __post_init__(self) -> None:
        _check_credentials("Basic", self.username, self.password)

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:  # noqa: ARG002  # any
        """See :meth:`ProxyAuth.begin`."""
        return _Once(lambda: basic(self.username, self.password))


@dataclass(frozen=True)
class BearerAuth:
    """A token (RFC 6750), sent with the first request.

    Args:
      token: The token, or an async function without arguments that gives one; it is called
        for each tunnel, so it can renew what has expired.

    """

    token: str | Callable[[], Awaitable[str]] = field(repr=False)
    name = "Bearer"

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:  # noqa: ARG002  # any
        """See :meth:`ProxyAuth.begin`."""
        return _Once(self._value)

    async def _value(self) -> str:
        token = self.token if isinstance(self.token, str) else await self.token()
        if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token):  # RFC 6750 section 2.1
            raise ProxyConfigError("the Bearer token has characters that no token has")
        return f"Bearer {token}"


# --- Digest ------------------------------------------------------------------------------


@dataclass
class _Nonce:
    """What a challenge said, and how often it was answered (RFC 7616 section 3.3)."""

    parameters: dict[str, str]
    cnonce: str = field(default_factory=lambda: secrets.token_hex(16))
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


@dataclass(frozen=True)
class DigestAuth:
    """User name and password, proven without being sent (RFC 7616).

    MD5, SHA-256 and SHA-512-256, each also as ``-sess``, with quality of protection
    ``auth``, or none as in RFC 2069. What the proxy has said is remembered, so that the next
    tunnel through the same proxy is opened in one round.

    Args:
      username: May not have a ``:`` in it.
      password: The password.

    Raises:
      ProxyConfigError: Digest cannot carry these.

    """

    username: str
    password: str = field(repr=False)
    _nonces: dict[tuple[str, int], _Nonce] = field(
        default_factory=dict, repr=False, compare=False, init=False
    )
    name = "Digest"

    def __post_init__(self) -> None:
        _check_credentials("Digest", self.username, self.password)

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        return _Digest(self, request)

    def __getstate__(self) -> dict[str, Any]:
        return {"username": self.username, "password": self.password, "_nonces": {}}


class _Digest:
    needs_same_connection = False

    def __init__(self, auth: DigestAuth, request: ProxyAuthRequest) -> None:
        self._auth = auth
        self._request = request
        self._key = (request.proxy_host, request.proxy_port)
        self._answered = False

    def first(self) -> str | None:
        nonce = self._auth._nonces.get(self._key)  # noqa: SLF001  # the other half of this class
        return self._value(nonce) if nonce else None

    def answer(self, challenge: ProxyChallenge) -> str | None:
        stale = challenge.parameters.get("stale", "").lower() == "true"
        self._auth._nonces.pop(self._key, None)  # noqa: SLF001
        if self._answered and not stale:
            return None
        if not can_answer_digest(challenge):
            return None
        self._answered = True
        nonce = _Nonce(dict(challenge.parameters))
        self._auth._nonces[self._key] = nonce  # noqa: SLF001
        return self._value(nonce)

    def accepted(self, headers: Headers) -> None:
        """Take over the next nonce, if the proxy names one (RFC 7616 section 3.5)."""
        nonce = self._auth._nonces.get(self._key)  # noqa: SLF001
        for name, value in headers:
            if nonce is not None and name == b"proxy-authentication-info":
                following = parse_parameters(value.decode("utf-8", "replace")).get("nextnonce")
                if following:
                    parameters = {**nonce.parameters, "nonce": following}
                    self._auth._nonces[self._key] = _Nonce(parameters)  # noqa: SLF001

    def _value(self, nonce: _Nonce) -> str:
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
    name = _ALGORITHMS.get(algorithm.lower().removesuffix("-sess"))
    if name is None:
        return None
    try:
        # The proxy chooses; MD5 proves knowledge of a password here, it does not sign.
        hashlib.new(name, b"", usedforsecurity=False)
    except ValueError:
        return None
    return lambda text: hashlib.new(name, _encoded(text), usedforsecurity=False).hexdigest()


def _encoded(text: str) -> bytes:
    """Encode as UTF-8; what the proxy has sent in another encoding goes back as it came."""
    return text.encode("utf-8", "surrogateescape")


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


# --- Negotiate and NTLM ------------------------------------------------------------------


@dataclass(frozen=True)
class NegotiateAuth:
    r"""Single sign-on with Kerberos, or NTLM where there is none (RFC 4559); needs pyspnego.

    Without arguments the platform's own credentials are used: the ticket of ``kinit``, or
    the logged-in user on Windows. Install ``trio-wsproxy[kerberos]`` for Kerberos outside of
    Windows, ``trio-wsproxy[negotiate]`` for the rest.

    Args:
      username: ``user@REALM`` or ``DOMAIN\user``; by default the user who is logged in.
      password: By default the ticket that is there.
      service: The first part of the proxy's name in Kerberos, ``HTTP/proxy.example``.

    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = "HTTP"
    name = "Negotiate"

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        return _Spnego(self.name, self.username, self.password, self.service, request)


@dataclass(frozen=True)
class NTLMAuth:
    r"""NTLM, version 2, as Windows proxies still ask for it; needs pyspnego.

    Install ``trio-wsproxy[negotiate]``. NTLM authenticates the connection, not the request,
    so it takes a proxy that keeps its connection open behind a 407.

    Args:
      username: ``DOMAIN\user`` or ``user``.
      password: The password.

    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    name = "NTLM"

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        return _Spnego(self.name, self.username, self.password, "HTTP", request)


class _Spnego:
    """One security context of pyspnego."""

    needs_same_connection = True

    def __init__(
        self,
        name: str,
        username: str | None,
        password: str | None,
        service: str,
        request: ProxyAuthRequest,
    ) -> None:
        self._name = name
        self._make = partial(
            _spnego_client(name),
            username,
            password,
            hostname=request.proxy_host,
            service=service,
            protocol=name.lower(),
        )
        self._context: Any = None

    def first(self) -> None:
        """Wait: asking the KDC costs time, and the proxy may offer something else."""

    async def answer(self, challenge: ProxyChallenge) -> str | None:
        if self._context is not None and (challenge.token68 is None or self._context.complete):
            return None  # refused: it begins anew
        try:
            token = base64.b64decode(challenge.token68 or "", validate=True)
        except ValueError:
            return None
        # Kerberos asks its KDC over the network here, and offers no way to wait otherwise.
        answer = await trio.to_thread.run_sync(self._step, token, abandon_on_cancel=True)
        return f"{self._name} {base64.b64encode(answer).decode('ascii')}" if answer else None

    def accepted(self, headers: Headers) -> None:
        pass

    def _step(self, token: bytes) -> bytes | None:
        if self._context is None:
            self._context = self._make()
        return cast("bytes | None", self._context.step(token or None))


def _spnego_client(name: str) -> Callable[..., Any]:
    try:
        import spnego
    except ImportError:
        raise ProxyConfigError(
            f"{name} authentication needs pyspnego: install trio-wsproxy[negotiate], or "
            "trio-wsproxy[kerberos] for Kerberos outside of Windows"
        ) from None
    return spnego.client


# --- the conversation of one hop ---------------------------------------------------------


def from_url(username: str, password: str) -> tuple[ProxyAuth, ...]:
    """Make schemes out of the credentials of a proxy URL.

    Args:
      username: The user name.
      password: The password.

    Returns:
      Basic, which is said at once, and Digest, for proxies that want that.

    """
    return BasicAuth(username, password), DigestAuth(username, password)


class Authentication:
    """The memory of one hop while a tunnel through it is being opened.

    Args:
      schemes: Those there are credentials for; the first may speak before it is asked.
      request: What is to be authenticated.

    Attributes:
      value: The value of ``Proxy-Authorization`` for the next request, or ``None``.
      rounds: How many requests were sent.
      schemes: The names of the schemes there are credentials for.
      problem: Why a scheme could not answer, in words; or ``None``.
      cause: The error behind that, or ``None``.

    """

    def __init__(self, schemes: Sequence[ProxyAuth], request: ProxyAuthRequest) -> None:
        self._conversations = [(auth.name, auth.begin(request)) for auth in schemes]
        self._current: ProxyAuthConversation | None = None
        self._challenge: ProxyChallenge | None = None
        self.value: bytes | None = None
        self.rounds = 0
        self.schemes = tuple(auth.name for auth in schemes)
        self.problem: str | None = None
        self.cause: Exception | None = None

    async def begin(self) -> None:
        """Ask the first scheme whether it has something to say at once."""
        if self._conversations and self.rounds == 0:
            name, self._current = self._conversations[0]
            self.value = await _checked(name, self._current.first())

    @property
    def bound_to_connection(self) -> bool:
        """Whether :attr:`value` makes sense on the connection only that it was made for."""
        return (
            self._current is not None
            and self._current.needs_same_connection
            and self._challenge is not None
            and self._challenge.token68 is not None
        )

    @property
    def may_go_elsewhere(self) -> bool:
        """Whether the same request may be sent once more, on another connection."""
        return self.rounds < MAX_ROUNDS and not self.bound_to_connection

    async def answer(self, challenges: Sequence[ProxyChallenge]) -> bool:
        """Find something to say to a 407.

        Args:
          challenges: All that it carries.

        Returns:
          Whether :attr:`value` is to be sent; ``False`` is the end of the conversation.

        """
        self.value = None
        if self.rounds >= MAX_ROUNDS:
            return False
        for challenge in sorted(challenges, key=_strength, reverse=True):
            for name, conversation in self._conversations:
                if name.lower() != challenge.scheme.lower():
                    continue
                value = await self._ask(name, conversation, challenge)
                if value is not None:
                    self._current, self._challenge = conversation, challenge
                    self.value = value
                    return True
        return False

    async def _ask(
        self, name: str, conversation: ProxyAuthConversation, challenge: ProxyChallenge
    ) -> bytes | None:
        try:
            return await _checked(name, conversation.answer(challenge))
        except ProxyConfigError:
            raise
        except Exception as exc:  # GSSAPI and SSPI fail in many ways: another scheme may do
            if not isinstance(conversation, _Spnego):
                raise
            self.cause = exc
            self.problem = f"{name} failed here ({type(exc).__name__}: {printable(str(exc))})"
            return None

    def accepted(self, headers: Headers) -> None:
        """Tell the scheme that has spoken last that the tunnel is open."""
        if self._current is not None:
            self._current.accepted(headers)


async def _checked(name: str, value: str | Awaitable[str | None] | None) -> bytes | None:
    """Wait for a value if need be, and refuse what would break out of its header."""
    said = await value if inspect.isawaitable(value) else value
    if said is None:
        return None
    try:
        pairs = header_pairs([(_HEADER, _encoded(said))], name=f"the scheme {name}")
    except ValueError as exc:
        problem = str(exc)
    else:
        return pairs[0][1]
    raise ProxyConfigError(problem)


def _strength(challenge: ProxyChallenge) -> float:
    scheme = challenge.scheme.lower()
    strength = _STRENGTH.get(scheme, _OWN_SCHEME)
    if scheme == "digest":
        algorithm = challenge.parameters.get("algorithm", "MD5").lower().removesuffix("-sess")
        order = list(_ALGORITHMS)
        return strength + (order.index(algorithm) / 10 if algorithm in order else 0)
    return strength
