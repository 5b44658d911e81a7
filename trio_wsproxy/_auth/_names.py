"""The names of schemes: which are to be spoken, in order of preference, with credentials from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, cast

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import Value, words
from trio_wsproxy._lazy import lazy_pattern

SchemeName: TypeAlias = Literal["negotiate", "ntlm", "digest", "basic"]
#: Those that user and password of a URL are enough for; the strongest first.
NAMES: tuple[SchemeName, ...] = ("negotiate", "ntlm", "digest", "basic")
#: As proxies write them.
TITLES = {"negotiate": "Negotiate", "ntlm": "NTLM", "digest": "Digest", "basic": "Basic"}

# Quotation marks come from files of variables that are no scripts of a shell.
_SEPARATORS = lazy_pattern(r"[\s,;|+\"']+")
_NEARLY = 0.7  # of 1; as similar as "ntml" and "ntlm", and not as "secret" and "digest"
_LONGEST = 16  # characters; what is longer is not meant for one of these names
# What people write for one of them, or take for one; to be shown, a word has to be harmless.
_MEANT = {
    "kerberos": "negotiate",
    "krb5": "negotiate",
    "spnego": "negotiate",
    "gssapi": "negotiate",
    "gss": "negotiate",
    "sspi": "negotiate",
    "sso": "negotiate",
    "ntlmv2": "ntlm",
    "md5": "digest",
    "any": "",
    "anyauth": "",
    "all": "",
    "none": "",
    "bearer": "",
    "oauth": "",
    "netrc": "",
    "keyring": "",
}


def parse_names(text: str, place: Value) -> tuple[SchemeName, ...]:
    """Read a list of schemes.

    Args:
      text: Names in any case, in order of preference, with commas or blanks between them; ``;``,
        ``|``, ``+`` and quotation marks do, too.
      place: Where the list stood, for messages.

    Returns:
      The names in lower case, each of them once; none where the text has none.

    Raises:
      ProxyConfigError: A word is no scheme. It is shown where it is known to be no secret.

    """
    names, unknown = read_names(text)
    if unknown is None:
        return names
    meant = _meant(unknown)
    what = words(
        "{place}: {word} is no scheme that is spoken with a proxy here",
        place=place,
        word="a word in it (not shown here)" if meant is None else repr(unknown),
    )
    remedy = words("use one or several of {names}", names=", ".join(NAMES))
    if meant:
        remedy = words("{name} was probably meant; {remedy}", name=meant, remedy=remedy)
    raise misconfigured(what, remedy)


def read_names(text: str) -> tuple[tuple[SchemeName, ...], str | None]:
    """Give the names in a list, in lower case, and the first word of it that is none."""
    names = [word.lower() for word in _SEPARATORS.split(text) if word]
    unknown = next((name for name in names if name not in NAMES), None)
    return tuple(cast("SchemeName", name) for name in dict.fromkeys(names)), unknown


def titles(names: Iterable[str]) -> str:
    """Write names as proxies do."""
    return ", ".join(dict.fromkeys(TITLES.get(name.lower(), name) for name in names))


def _meant(word: str) -> str | None:
    """Give the name that was probably meant, or an empty one; ``None`` if it may be a secret."""
    if word in _MEANT or len(word) > _LONGEST:
        return _MEANT.get(word)
    import difflib  # for errors alone

    return next(iter(difflib.get_close_matches(word, NAMES, 1, _NEARLY)), None)
