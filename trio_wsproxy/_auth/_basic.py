"""Basic and Bearer: the schemes that say all they have to say at once."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from trio_wsproxy._exceptions import Headers, misconfigured
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import secret

from ._challenges import ProxyChallenge
from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest

_CONTROL = lazy_pattern(r"[\x00-\x1f\x7f]")
_SURROGATE = lazy_pattern("[\ud800-\udfff]")
_TOKEN = lazy_pattern(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1


def basic(username: str, password: str) -> str:
    """Make the value of a Basic ``Proxy-Authorization`` header (RFC 7617, in UTF-8)."""
    return secret("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii"))


def check_credentials(scheme: str, username: str, password: str) -> None:
    """Refuse what neither Basic nor Digest can carry (RFC 7617 section 2)."""
    if not isinstance(username, str) or not isinstance(password, str):
        raise TypeError(f"{scheme}: user name and password are str")
    if ":" in username:
        raise misconfigured(f"{scheme} cannot carry a user name with ':' in it")
    if _CONTROL.search(username + password):
        raise misconfigured(f"{scheme} cannot carry control characters in the credentials")
    check_text(scheme, username, password)


def check_text(scheme: str, *texts: str) -> None:
    """Refuse what has no encoding: an error in the middle of a dial would show all of it."""
    if _SURROGATE.search("".join(texts)):
        raise misconfigured(
            f"{scheme} cannot carry lone surrogates in the credentials: they stand for bytes that "
            "were not UTF-8"
        )


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


class TokenConversation(_Once):
    """One whose value may come from a function of the user's."""


@dataclass(frozen=True)
class BasicAuth(ProxyAuth):
    """User name and password, readable for everybody between here and the proxy (RFC 7617).

    They are sent in UTF-8, with the first request; as one of several schemes and not the
    first of them, only when the proxy offers nothing better. Beside a better scheme they are not
    sent in the clear to a proxy that has ever asked for that one since the program began.

    Args:
      username: May not have a ``:`` in it.
      password: The password.
      require_tls: Whether to send them to ``https://`` proxies only. For an ``http://`` one it is
        then as if this scheme had not been given; as the only one it is refused before anything is
        sent. ``False`` by default.

    Raises:
      ProxyConfigError: Basic cannot carry these.

    """

    username: str
    password: str = field(repr=False)
    require_tls: bool = field(default=False, kw_only=True)
    name = "Basic"

    def __post_init__(self) -> None:
        check_credentials("Basic", self.username, self.password)

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:  # noqa: ARG002  # any
        """See :meth:`ProxyAuth.begin`."""
        return _Once(lambda: basic(self.username, self.password))


@dataclass(frozen=True)
class BearerAuth(ProxyAuth):
    """A token (RFC 6750), sent with the first request.

    Args:
      token: The token, or an async function without arguments that gives one; it is called
        for each tunnel, before anything is dialed, so it can renew what has expired.
      require_tls: Whether to send it to ``https://`` proxies only, as RFC 6750 section 5.3 wants
        it; see :class:`BasicAuth`. ``False`` by default.

    Raises:
      ProxyConfigError: The token has characters that no token has.

    """

    token: str | Callable[[], Awaitable[str]] = field(repr=False)
    require_tls: bool = field(default=False, kw_only=True)
    name = "Bearer"

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:  # noqa: ARG002  # any
        """See :meth:`ProxyAuth.begin`."""
        return TokenConversation(self._value)

    def __post_init__(self) -> None:
        if isinstance(self.token, str):
            _check_token(self.token)
        elif not callable(self.token):
            kind = type(self.token).__name__
            raise TypeError(f"BearerAuth: a token is a str or an async function, not {kind}")

    async def _value(self) -> str:
        token = self.token
        if not isinstance(token, str):
            made = token()
            if not inspect.isawaitable(made):
                kind = type(made).__name__
                raise TypeError(
                    f"BearerAuth: the function that gives the token must be async; it gave {kind}"
                )
            token = await made
        _check_token(token)
        return f"Bearer {token}"


def _check_token(token: str) -> None:
    if not isinstance(token, str):
        raise TypeError(f"BearerAuth: a token is a str, not {type(token).__name__}")
    if not _TOKEN.fullmatch(token):
        raise misconfigured("the Bearer token has characters that no token has")
