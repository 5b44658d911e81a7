"""Which schemes are spoken with whose credentials: a URL's, a program's, or the system's ticket.

User name and password of a URL are enough for Basic, Digest, NTLM and Negotiate; an empty user name
with an empty password stands for whoever has logged in (single sign-on). A program, or the user in
``TRIO_WSPROXY_AUTH``, may say which of the schemes, by their names or as objects; then the URL's
credentials are for those. What credentials a scheme cannot carry, and whose library is missing, is left out
as long as another one is there: so both are values here, and errors where nothing is left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import NamedTuple, TypeGuard, cast

from trio_wsproxy._exceptions import ProxyConfigError, failure_of, misconfigured
from trio_wsproxy._failures import Place, Value, Words, words

from ._basic import BasicAuth
from ._challenges import ProxyChallenge
from ._digest import ALGORITHMS, DigestAuth
from ._names import NAMES, TITLES, SchemeName
from ._scheme import ProxyAuth, ProxyAuthRequest, url_of
from ._spnego import NegotiateAuth, NTLMAuth, has_pyspnego

_MAX_NTLM = 2**15 - 1  # UTF-16 units: the length of a field is 16 bits of bytes (MS-NLMP 2.2.1.3)
INSTALL = "pip install pyspnego"

#: Schemes that are made with a user name and a password.
_PASSWORD_SCHEMES = (NegotiateAuth, NTLMAuth, DigestAuth, BasicAuth)

# Who passes a token or a scheme of their own means it; then by what an eavesdropper learns.
_STRENGTH = {"negotiate": 5, "ntlm": 4, "digest": 2, "basic": 0}
_OWN_SCHEME = 6

_NOTHING: Mapping[str, Words] = MappingProxyType({})
_DEFAULT: tuple[SchemeName, ...] = (
    "basic",
    "digest",
    "ntlm",
)  # Basic is sent unasked, as curl does
_SINGLE_SIGN_ON: tuple[SchemeName, ...] = ("negotiate", "ntlm")


class Chosen(NamedTuple):
    """What there is to speak with a proxy.

    Attributes:
      schemes: With their credentials; the first may speak before it is asked.
      ordered: Whether they are in order of preference; else the strongest goes first.
      lenient: Whether Negotiate and NTLM are left out where their library is missing.
      impossible: Why others cannot be spoken, by their names in lower case.
      instead: Names of schemes that could carry the credentials, where none of those given can.
      noted: Whether the route tells already what is passed over for want of a library.
      whole: Gives all of it, where there is no more here than what is said unasked; see :func:`unasked`.

    """

    schemes: tuple[ProxyAuth, ...] = ()
    ordered: bool = False
    lenient: bool = False
    impossible: Mapping[str, Words] = _NOTHING
    instead: tuple[str, ...] = ()
    noted: bool = False
    whole: Callable[[], Chosen] | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether there are credentials, and nothing that can carry them here."""
        return bool(self.impossible) and not any(
            not self.lenient or lacks_library(auth.name) is None for auth in self.schemes
        )


def from_url(
    username: str,
    password: str,
    given: Iterable[ProxyAuth | SchemeName] = (),
    others: Iterable[ProxyAuth | SchemeName] = (),
    *,
    sso: bool = False,
) -> Chosen:
    """Make schemes out of the credentials of a proxy URL.

    Args:
      username: The user name.
      password: The password.
      given: The schemes that they are for, by name or as objects, whose own credentials do not
        count. By default Basic, which is said at once, Digest and NTLM, for proxies that want those.
      others: Objects that say more of the schemes that are named, such as their name in Kerberos.
      sso: Whether they are empty to say that it is the user who has logged in.

    """
    given = tuple(given)
    may = _signs_on if sso else _takes_password
    wanted = [scheme for scheme in given if isinstance(scheme, str) or may(scheme)]
    default = _SINGLE_SIGN_ON if sso else _DEFAULT
    objects = {_key(auth): auth for auth in (*others, *given) if not isinstance(auth, str)}
    schemes: list[ProxyAuth] = []
    impossible: dict[str, Words] = {}
    # Each name once: a password that is tried twice locks accounts.
    for name in dict.fromkeys(map(_key, wanted or default)):
        scheme = objects.get(name) or cast("SchemeName", name)
        made = _single_sign_on(scheme) if sso else _with_password(scheme, username, password)
        if isinstance(made, Words):
            impossible[name] = made
        else:
            schemes.append(made)
    ordered = any(isinstance(scheme, str) for scheme in wanted)
    if sso and schemes:  # there is nothing that they could not carry
        impossible = {}
    chosen = Chosen(tuple(schemes), ordered, lenient=True, impossible=impossible)
    return chosen if schemes or sso else _with_advice(chosen, username, password)


def unasked(username: str, password: str) -> Chosen:
    """Make what a URL's credentials are sent in unasked, and leave the rest for who is challenged.

    Most proxies ask for nothing, or take the Basic that they got: then nobody needs the other schemes.

    Args:
      username: The user name.
      password: The password.

    """
    first = _with_password(_DEFAULT[0], username, password)
    if isinstance(first, Words):
        return from_url(username, password)
    return Chosen((first,), lenient=True, whole=lambda: from_url(username, password))


def _with_advice(chosen: Chosen, username: str, password: str) -> Chosen:
    """Name the schemes that could carry what none of those given can."""
    others = (name for name in NAMES if name not in chosen.impossible)
    able = (x for x in others if not isinstance(_with_password(x, username, password), Words))
    return chosen._replace(instead=tuple(able))


def from_program(
    given: Iterable[ProxyAuth | SchemeName], others: Iterable[ProxyAuth | SchemeName] = ()
) -> Chosen:
    """Give the schemes of a program, for a proxy without credentials of its own.

    Args:
      given: Objects, which are taken as they are, and names: for those, the objects that bear them,
        here or among ``others``, or single sign-on.
      others: Further schemes that there are credentials for.

    """
    given = tuple(given)
    names = {scheme for scheme in given if isinstance(scheme, str)}
    schemes: list[ProxyAuth] = []
    available = [scheme for scheme in (*given, *others) if not isinstance(scheme, str)]
    for scheme in given:
        if isinstance(scheme, str):
            found = [auth for auth in available if auth.name.lower() == scheme]
            alone = _single_sign_on(scheme)
            schemes += found or ([] if isinstance(alone, Words) else [alone])
        elif scheme.name.lower() not in names:
            schemes.append(scheme)
    return Chosen(tuple(schemes), ordered=bool(names), lenient=bool(names))


def lacks_library(name: str) -> Words | None:
    """Say what a scheme needs that is not installed; ``None`` where nothing is missing."""
    if name.lower() not in _SINGLE_SIGN_ON or has_pyspnego():
        return None
    return words("{name} needs pyspnego ({install})", name=TITLES[name.lower()], install=INSTALL)


def failed_here(name: str, why: str, *, sso: bool) -> Words:
    """Say that Negotiate or NTLM could not be spoken on this machine, and what it takes."""
    remedy = ""
    if name.lower() == "negotiate" and sys.platform != "win32":
        if find_spec("gssapi") is None:
            remedy = "; for Kerberos: pip install 'pyspnego[kerberos]'"
        elif sso:
            remedy = (
                "; get a ticket with kinit, unless klist shows one, and write the proxy's host as Kerberos "
                "knows it"
            )
    return words("{name} failed on this machine ({why}){remedy}", name=name, why=why, remedy=remedy)


def strength(challenge: ProxyChallenge) -> float:
    """Say how strong a scheme is, by what whoever listens learns of the password: more is stronger."""
    scheme = challenge.scheme.lower()
    found = _STRENGTH.get(scheme, _OWN_SCHEME)
    if scheme == "digest":
        algorithm = challenge.parameters.get("algorithm", "MD5").lower().removesuffix("-sess")
        order = list(ALGORITHMS)
        return found + (order.index(algorithm) / 10 if algorithm in order else 0)
    return found


def without_tls(schemes: Sequence[ProxyAuth], request: ProxyAuthRequest) -> ProxyConfigError:
    """Make the error for schemes that are for TLS alone, and a proxy that has none."""
    url = url_of(request)
    what = words(
        "proxy {url} is spoken to without TLS, and {names} with require_tls=True is not sent that way",
        url=url,
        names=" and ".join(dict.fromkeys(auth.name for auth in schemes)),
    )
    remedy = words(
        "use https:// for its scheme if it speaks TLS, or a scheme that shows no password, such as "
        "DigestAuth"
    )
    return misconfigured(what, remedy, Place(url))


def check_carried(username: str | None, password: str | None) -> None:
    """Refuse credentials of an HTTP proxy's URL that no scheme can carry here.

    Raises:
      ProxyConfigError: It names the schemes, and what would do.

    """
    if username is None:
        return
    problem = _with_password("basic", username, password or "")
    if not isinstance(problem, Words):
        return  # nearly always
    error = not_carried(from_url(username, password or ""))
    if error is not None:
        raise error


def not_carried(
    chosen: Chosen, who: Value = "HTTP authentication", place: Place | None = None
) -> ProxyConfigError | None:
    """Make the error for credentials that nothing can carry here; ``None`` where something can."""
    if not chosen.is_hopeless:
        return None
    why = "; ".join(dict.fromkeys(str(reason) for reason in chosen.impossible.values()))
    what = words("{who}: {why}", who=who, why=why)
    lacking = [auth.name for auth in chosen.schemes if lacks_library(auth.name)]
    remedy = None
    if lacking:
        remedy = words("{name} can: {install}", name=lacking[0], install=INSTALL)
    elif chosen.instead:
        remedy = words("{names} can: name it among the schemes", names=" or ".join(chosen.instead))
    return misconfigured(what, remedy, place)


def _key(scheme: ProxyAuth | SchemeName) -> str:
    return (scheme if isinstance(scheme, str) else scheme.name).lower()


def _takes_password(
    scheme: ProxyAuth,
) -> TypeGuard[NegotiateAuth | NTLMAuth | DigestAuth | BasicAuth]:
    return isinstance(scheme, _PASSWORD_SCHEMES)


def _signs_on(scheme: ProxyAuth) -> bool:
    return isinstance(scheme, (NegotiateAuth, NTLMAuth))


def _with_password(
    scheme: ProxyAuth | SchemeName, username: str, password: str
) -> ProxyAuth | Words:
    """Give a scheme these credentials, or say why it cannot carry them."""
    name = _key(scheme)
    if name in _SINGLE_SIGN_ON:
        problem = _not_for_spnego(name, username, password)
        if problem is not None:
            return problem
    if name == "ntlm" and "\\" not in username:
        username = username.replace("/", "\\", 1)  # as curl has it
    made: ProxyAuth | None = None
    failure = None
    try:
        if not isinstance(scheme, str) and _takes_password(scheme):
            made = replace(scheme, username=username, password=password)
        else:
            made = _BY_NAME[name](username, password)
    except ProxyConfigError as exc:
        failure = failure_of(exc)
    if made is not None:
        return made
    return failure.what if failure else words("{name} cannot carry it", name=TITLES[name])


def _not_for_spnego(name: str, username: str, password: str) -> Words | None:
    title = TITLES[name]
    if not username:  # to pyspnego that is whoever has logged in
        return words("{name} cannot carry an empty user name", name=title)
    if "\0" in username + password:  # where these libraries' texts end
        return words("{name} cannot carry a NUL character in the credentials", name=title)
    if len(username.encode("utf-16-le", "surrogatepass")) > 2 * _MAX_NTLM:
        return words("{name} cannot carry a user name of more than 65,534 bytes", name=title)
    return None


def _single_sign_on(scheme: ProxyAuth | SchemeName) -> ProxyAuth | Words:
    """Let a scheme use what the system knows of the user, or say why it cannot."""
    if not isinstance(scheme, str) and isinstance(scheme, (NegotiateAuth, NTLMAuth)):
        return replace(scheme, username=None, password=None)
    name = _key(scheme)
    if name in _SINGLE_SIGN_ON:
        return NegotiateAuth() if name == "negotiate" else NTLMAuth()
    return words(
        "{name} knows no single sign-on (:@), only user and password", name=TITLES.get(name, name)
    )


_BY_NAME = {"negotiate": NegotiateAuth, "ntlm": NTLMAuth, "digest": DigestAuth, "basic": BasicAuth}
