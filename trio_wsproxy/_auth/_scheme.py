"""What HTTP authentication with a proxy is made of: requests, schemes, and conversations.

A scheme, such as Digest, is an object with the credentials in it: a :class:`ProxyAuth`. For
each tunnel it begins a :class:`ProxyAuthConversation`, which holds what belongs to that one
tunnel. A conversation does no I/O: challenges go in, header values come out, and whoever
owns the connection sends them. (One that has to ask somebody else, for a token say, may
return an awaitable.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from trio_wsproxy._exceptions import Headers
from trio_wsproxy._redaction import secret

from ._challenges import ProxyChallenge
from ._names import NAMES, SchemeName, read_names


@dataclass(frozen=True)
class ProxyAuthRequest:
    """The request that is to be authenticated.

    Attributes:
      method: ``"CONNECT"``.
      target: Host and port that the proxy is asked for, for example ``"example.org:443"``;
        what Digest calls the ``uri``.
      proxy_host: The proxy's host, by which Kerberos knows it.
      proxy_port: The proxy's port.
      proxy_scheme: ``"https"`` where TLS is spoken with it, so that nobody on the way reads along;
        ``"http"`` (default) where not.
      channel_binding: What binds credentials to the TLS with the proxy (RFC 5929 section 4):
        ``b"tls-server-end-point:"`` and the hash of its certificate, by the hash function of the
        certificate's signature (SHA-256 in place of MD5 and SHA-1). ``None`` (default) without
        TLS, where the signature names no hash function, as Ed25519, and for a scheme that
        does not ask for it; see :class:`ProxyAuth`.

    """

    method: str
    target: str
    proxy_host: str
    proxy_port: int
    proxy_scheme: str = "http"
    channel_binding: bytes | None = None


class ProxyAuthConversation(Protocol):
    """One authentication for one tunnel; made by :meth:`ProxyAuth.begin`.

    Attributes:
      needs_same_connection: Whether the answer to a challenge that carries a token must go
        out on the connection that the challenge came in on, as with NTLM and Negotiate.

    """

    needs_same_connection: bool

    def first(self) -> str | Awaitable[str | None] | None:
        """Give the value of ``Proxy-Authorization`` to send before any challenge.

        Returns:
          The value with the scheme's name in front, or ``None`` to wait for a challenge.

        """

    def answer(self, challenge: ProxyChallenge) -> str | Awaitable[str | None] | None:
        """Answer a challenge for this scheme.

        Args:
          challenge: One whose scheme is this one's name.

        Returns:
          The value, or ``None`` if there is nothing (more) to say: the credentials were
          refused, or the challenge asks for what is not known here.

        """

    def accepted(self, headers: Headers) -> None:
        """Be told that the proxy has opened the tunnel.

        Args:
          headers: Those of its answer, names in lower case.

        """


@runtime_checkable
class ProxyAuth(Protocol):
    """A scheme with its credentials; implement it to bring a scheme of your own.

    ::

        class Ticket:
            name = "Ticket"

            def begin(self, request):
                return TicketConversation(request.target)

    A scheme may have ``binds_to_channel = True`` as another attribute. Then it says nothing to an
    ``https://`` proxy before its TLS is there, and begins a conversation for each connection with
    another certificate, whose request has a ``channel_binding``.

    Attributes:
      name: The scheme's name, as it stands in ``Proxy-Authenticate``.

    """

    @property
    def name(self) -> str:
        """The scheme's name."""

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """Begin the authentication of one request.

        Args:
          request: What is to be authenticated.

        Returns:
          An object with the state of this one conversation.

        """


#: Where to look user name and password up.
CredentialStore: TypeAlias = Literal["netrc", "keyring"]
ProxyAuthArgument: TypeAlias = (
    ProxyAuth | SchemeName | Sequence[ProxyAuth | SchemeName] | CredentialStore | None
)
#: Schemes, and names of schemes; or where to look user name and password up.
CheckedProxyAuth: TypeAlias = tuple[ProxyAuth | SchemeName, ...] | CredentialStore


# What other libraries take.
_PAIR = "for a user name and a password write BasicAuth(user, password)"


def check_proxy_auth(argument: ProxyAuthArgument, *, name: str) -> CheckedProxyAuth:
    """Check what was given as a scheme, or several of them.

    Args:
      argument: What was given.
      name: The argument it was given as, for the message.

    Returns:
      The schemes, names in lower case; or ``"netrc"`` or ``"keyring"``.

    Raises:
      TypeError: It is something else; the message does not show it, it may be a password.

    """
    if argument is None:
        return ()
    if isinstance(argument, str):
        return argument if argument in ("netrc", "keyring") else _names(argument, name)
    schemes: tuple[ProxyAuth | SchemeName, ...]
    if isinstance(argument, ProxyAuth):
        schemes = (argument,)
    elif isinstance(argument, Iterable):
        schemes = tuple(argument)
    else:
        raise TypeError(f"{name} is a scheme or a sequence of them, not {type(argument).__name__}")
    if len(schemes) == 2 and all(isinstance(x, str) and read_names(x)[1] for x in schemes):
        raise TypeError(f"{name}: {_PAIR}")
    checked: list[ProxyAuth | SchemeName] = []
    for scheme in schemes:
        if isinstance(scheme, str):
            checked += _names(scheme, name)
        elif isinstance(scheme, ProxyAuth) and not isinstance(scheme, type):
            checked.append(scheme)
        else:
            raise TypeError(
                f'{name} takes schemes such as BasicAuth("user", "password") and names such as '
                f'"negotiate", not {type(scheme).__name__}'
            )
    return tuple(checked)


def _names(text: str, argument: str) -> tuple[SchemeName, ...]:
    names, unknown = read_names(text)
    if unknown is None and names:
        return names
    if ":" in text:
        raise TypeError(f"{argument}: {_PAIR}")
    raise TypeError(
        f'{argument} is a scheme such as BasicAuth("user", "password"), a name ({", ".join(NAMES)}) '
        'for the credentials of the proxy URL, a sequence of them, "netrc" or "keyring"; it is another str'
    )


def secrets_of(schemes: Sequence[ProxyAuth]) -> tuple[str, ...]:
    """Give passwords and tokens of schemes, so far as they are kept where ours are."""
    secrets = []
    for auth in schemes:
        for value in (getattr(auth, "password", None), getattr(auth, "token", None)):
            if isinstance(value, str):
                secrets.append(secret(value))  # noqa: PERF401  # each tunnel asks
    return tuple(secrets)


def user_of(schemes: Sequence[ProxyAuth]) -> str | None:
    """Give the user name of schemes; ``None`` where it is whoever has logged in."""
    names = (getattr(auth, "username", None) for auth in schemes)
    return next((name for name in names if name is not None), None)


def url_of(request: ProxyAuthRequest) -> str:
    """Give the URL of the proxy, without credentials."""
    host = request.proxy_host
    shown = f"[{host}]" if ":" in host else host
    return f"{request.proxy_scheme}://{shown}:{request.proxy_port}"
