"""Negotiate and NTLM, which pyspnego speaks; it is imported when somebody uses them.

Each step of it may wait for a disk, a smart card or a KDC behind the network, and offers no way to
wait otherwise, so it goes to a thread, which a cancelled call leaves to itself
(:class:`~trio_wsproxy._threads.Workers`).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

from trio_wsproxy._exceptions import Headers, ProxyConfigError, misconfigured
from trio_wsproxy._failures import Topic, Words, words
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._threads import Workers

from ._basic import check_text
from ._challenges import ProxyChallenge
from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest

_WORKERS = Workers("spnego", awaited=20, most=64)

# KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN of MIT's and Heimdal's krb5.h, SEC_E_TARGET_UNKNOWN of Windows.
_UNKNOWN = {-1765328377 % 2**32, 0x80090303}
_MAX_NAME = 253  # characters, as of any host; IDNA takes long over more
_SEPARATOR = lazy_pattern(r"[/@:\\\s\x00-\x1f\x7f]")


@dataclass(frozen=True)
class NegotiateAuth(ProxyAuth):
    r"""Single sign-on with Kerberos, or NTLM where there is none (RFC 4559); needs pyspnego.

    Without arguments the platform's own credentials are used: the ticket of ``kinit``, or
    the logged-in user on Windows. Install the extra ``kerberos`` for Kerberos outside of
    Windows, ``negotiate`` for the rest. Inside TLS it is bound to the proxy's certificate
    (RFC 5929), so that nobody else can pass it on.

    Args:
      username: ``user@REALM`` or ``DOMAIN\user``; by default that of the proxy's URL, or the user who
        is logged in.
      password: By default that of the proxy's URL, or the ticket that is there.
      service: The first part of the proxy's name in Kerberos, ``HTTP/proxy.example``.
      hostname: The second part of it, where Kerberos knows the proxy by another name than the one that is
        dialed: behind a load balancer, by an alias, by an IP address. Default: the host of the
        proxy's URL, without a trailing dot.

    Raises:
      ProxyConfigError: There are lone surrogates in one of these, or ``service`` or ``hostname`` is not
        one part of a name.

    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = "HTTP"
    hostname: str | None = None
    name = "Negotiate"
    binds_to_channel = True

    def __post_init__(self) -> None:
        _check_given(self.name, self.username, self.password, self.service, self.hostname)
        _check_part("service", self.service, "HTTP")
        if self.hostname is not None:
            _check_part("hostname", self.hostname.removesuffix("."), "proxy.example")
            kerberos_host(self.hostname)

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        host = request.proxy_host if self.hostname is None else kerberos_host(self.hostname)
        service = ServiceName(self.service, host)
        return SpnegoConversation(self.name, self.username, self.password, service, request)


@dataclass(frozen=True)
class NTLMAuth(ProxyAuth):
    r"""NTLM, version 2, as Windows proxies still ask for it; needs pyspnego.

    Install the extra ``negotiate``. NTLM authenticates the connection, not the request,
    so it takes a proxy that keeps its connection open behind a 407. Inside TLS it is bound to the
    proxy's certificate (RFC 5929), so that nobody else can pass it on.

    Args:
      username: ``DOMAIN\user`` or ``user``; by default that of the proxy's URL, or the user who is
        logged in, on Windows.
      password: The password.

    Raises:
      ProxyConfigError: There are lone surrogates in one of these.

    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    name = "NTLM"
    binds_to_channel = True

    def __post_init__(self) -> None:
        _check_given(self.name, self.username, self.password)

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        service = ServiceName("HTTP", request.proxy_host)
        return SpnegoConversation(self.name, self.username, self.password, service, request)


class ServiceName(NamedTuple):
    """The name of a proxy in Kerberos, and in what NTLM says that it is meant for."""

    service: str
    host: str

    def __str__(self) -> str:
        return f"{self.service}/{self.host}"


class SpnegoConversation:
    """One security context of pyspnego.

    Attributes:
      fell_back: Whether a proxy has refused what was NTLM, because Kerberos did not work here.

    """

    needs_same_connection = True

    def __init__(
        self,
        name: str,
        username: str | None,
        password: str | None,
        service: ServiceName,
        request: ProxyAuthRequest,
    ) -> None:
        self._name = name
        _check_installed(name)
        self._arguments = (username, password)
        self._binding = request.channel_binding
        self._service = service
        self._options: dict[str, Any] = {
            "hostname": service.host,
            "service": service.service,
            "protocol": name.lower(),
        }
        self._context: Any = None
        self.fell_back = False

    def first(self) -> None:
        """Wait: asking the KDC costs time, and the proxy may offer something else."""

    async def answer(self, challenge: ProxyChallenge) -> str | None:
        if self._context is not None and (challenge.token68 is None or self._context.complete):
            self.fell_back = _is_kerberos_missing(self._name, self._context)
            return None  # refused: it begins anew
        try:
            token = base64.b64decode(challenge.token68 or "", validate=True)
        except ValueError:
            return None
        answer = await _WORKERS.run(lambda: self._step(token))
        return f"{self._name} {base64.b64encode(answer).decode('ascii')}" if answer else None

    def accepted(self, headers: Headers) -> None:
        pass

    @property
    def said_hello_only(self) -> bool:
        """Whether nothing has left yet that user and password are judged by, as in NTLM's first message."""
        return self._name == "NTLM" and not getattr(self._context, "complete", False)

    def without_kerberos(self) -> Words | None:
        """Say that what was refused was no Kerberos; ``None`` where it was."""
        if not self.fell_back:
            return None
        return words(
            "Kerberos gave no ticket for {service}, so {name} spoke NTLM; if that is not the proxy's name "
            "there, {give}",
            service=shown_text(str(self._service)),
            name=self._name,
            give=Topic.KERBEROS_NAME,
        )

    def unknown_to_kerberos(self, exc: BaseException) -> Words | None:
        """Say that Kerberos does not know the proxy; ``None`` where something else has failed."""
        reason: Any = exc
        while reason is not None:  # as pyspnego wraps them
            codes = getattr(reason, "min_code", None), getattr(reason, "winerror", None)
            if any(isinstance(code, int) and code % 2**32 in _UNKNOWN for code in codes):
                return words(
                    "{name} failed on this machine: Kerberos knows no {service} (Server not found in "
                    "Kerberos database); {give}",
                    name=self._name,
                    service=shown_text(str(self._service)),
                    give=Topic.KERBEROS_NAME,
                )
            reason = getattr(reason, "base_error", None)
        return None

    def _step(self, token: bytes) -> bytes | None:
        """Do all that takes time, in a thread: import, find credentials, ask Kerberos' KDC."""
        if self._context is None:
            make = _spnego_client(self._name)
            if self._binding is not None:
                self._options["channel_bindings"] = _channel_bindings(self._binding)
            self._context = make(*self._arguments, **self._options)
        return cast("bytes | None", self._context.step(token or None))


def _is_kerberos_missing(name: str, context: Any) -> bool:
    """Tell whether Negotiate is NTLM, though Kerberos could be spoken here."""
    if name != "Negotiate" or find_spec("gssapi") is None:
        return False
    return getattr(context, "negotiated_protocol", None) == "ntlm"


def _check_given(scheme: str, *texts: str | None) -> None:
    given = [text for text in texts if text is not None]
    if not all(isinstance(text, str) for text in given):
        raise TypeError(f"{scheme}: what is given is str")
    check_text(scheme, *given)


def _check_part(argument: str, value: str, example: str) -> None:
    """Refuse what would be another name than the one that is written."""
    if not value or len(value) > _MAX_NAME or _SEPARATOR.search(value):
        raise misconfigured(
            words(
                "NegotiateAuth: {argument} is one part of HTTP/proxy.example, such as {example!r}, and "
                "not {value!r}",
                argument=argument,
                example=example,
                value=shown_text(value),
            )
        )


def kerberos_host(name: str) -> str:
    """Write a host as Kerberos has it: A-labels in lower case, without a trailing dot."""
    name = name.removesuffix(".")
    if not name.isascii():
        import idna

        encoded = None
        with suppress(UnicodeError):  # which would show all of it
            encoded = idna.encode(name, uts46=True).decode("ascii")
        if encoded is None:
            raise misconfigured("NegotiateAuth: hostname is not a valid name (IDNA refuses it)")
        name = encoded
    return name.lower()


def _check_installed(name: str) -> None:
    """Refuse before anything is dialed, without the import itself: that takes 0.1 s."""
    if not has_pyspnego():
        raise _missing(name)


def has_pyspnego() -> bool:
    """Tell whether the library is installed; it is not imported for that."""
    return find_spec("spnego") is not None


def _spnego_client(name: str) -> Callable[..., Any]:
    try:
        import spnego
    except ImportError:
        pass  # it is there, as was seen before, but lacks something itself
    else:
        return spnego.client
    raise _missing(name)


def _channel_bindings(application_data: bytes) -> Any:
    from spnego.channel_bindings import GssChannelBindings

    return GssChannelBindings(application_data=application_data)


def _missing(name: str) -> ProxyConfigError:
    return misconfigured(
        f"{name} authentication needs pyspnego: pip install pyspnego, or "
        "'pyspnego[kerberos]' for Kerberos outside of Windows"
    )
