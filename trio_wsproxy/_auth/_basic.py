"""Basic and Bearer: the schemes that say all they have to say at once."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from trio_wsproxy._exceptions import Headers, misconfigured
from trio_wsproxy._lazy import lazy_pattern

from ._challenges import ProxyChallenge
from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest

_CONTROL = lazy_pattern(r"[\x00-\x1f\x7f]")


def basic(username: str, password: str) -> str:
    """Make the value of a Basic ``Proxy-Authorization`` header (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def check_credentials(scheme: str, username: str, password: str) -> None:
    """Refuse what neither Basic nor Digest can carry (RFC 7617 section 2)."""
    if not isinstance(username, str) or not isinstance(password, str):
        raise TypeError(f"{scheme}: user name and password are str")
    if ":" in username:
        raise misconfigured(f"{scheme} cannot carry a user name with ':' in it")
    if _CONTROL.search(username + password):
        raise misconfigured(f"{scheme} cannot carry control characters in the credentials")


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
        for each tunnel, so it can renew what has expired.
      require_tls: Whether to send it to ``https://`` proxies only, as RFC 6750 section 5.3 wants
        it; see :class:`BasicAuth`. ``False`` by default.

    """

    token: str | Callable[[], Awaitable[str]] = field(repr=False)
    require_tls: bool = field(default=False, kw_only=True)
    name = "Bearer"

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:  # noqa: ARG002  # any
        """See :meth:`ProxyAuth.begin`."""
        return _Once(self._value)

    async def _value(self) -> str:
        token = self.token if isinstance(self.token, str) else await self.token()
        if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token):  # RFC 6750 section 2.1
            raise misconfigured("the Bearer token has characters that no token has")
        return f"Bearer {token}"
