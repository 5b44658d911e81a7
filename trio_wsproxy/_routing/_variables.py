"""The variables that are about proxies: which are set, in which spelling, and which one counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from trio_wsproxy._redaction import secret

from ._route import place_of
from ._schemes import VARIABLE as AUTH_VARIABLE

ORDER = ("wss_proxy", "ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "all_proxy")
PAC_VARIABLE = "trio_wsproxy_pac"
DESKTOP_VARIABLE = "trio_wsproxy_desktop"
_NAMES = frozenset([*ORDER, "no_proxy", PAC_VARIABLE, DESKTOP_VARIABLE, AUTH_VARIABLE])
_CGI = "REQUEST_METHOD"
#: What :func:`of_proxies` takes, in lower case.
NAMES = _NAMES | {_CGI.lower()}


class Variable(NamedTuple):
    """A variable that is set."""

    spelling: str
    value: str

    @property
    def place(self) -> str:
        return place_of(self.spelling)


def of_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Take what is about proxies out of an environment, in the order in which spellings count."""
    if not isinstance(environ, Mapping):
        raise TypeError(f"environ is a mapping or None, not {type(environ).__name__}")
    found = [name for name in environ if name.lower() in _NAMES or name == _CGI]
    found.sort(key=lambda name: (not name.islower(), not name.isupper(), name))
    for name in found:
        if not isinstance(environ[name], str):
            raise TypeError(f"{name} in environ is a str, not {type(environ[name]).__name__}")
    return {name: secret(environ[name].strip()) for name in found}


def _ignored_under_cgi(spelling: str, variables: Mapping[str, str]) -> bool:
    return spelling.lower() == "http_proxy" and not spelling.islower() and _CGI in variables


def spellings(name: str, variables: Mapping[str, str]) -> Iterator[Variable]:
    """The spellings of a variable that are set."""
    for spelling, value in variables.items():
        if value and spelling.lower() == name:
            yield Variable(spelling, value)


def variable_named(name: str, variables: Mapping[str, str]) -> Variable | None:
    """The spelling that counts of a variable, if it is set."""
    for spelling, value in variables.items():  # each dial asks for a dozen of them
        if value and spelling.lower() == name and not _ignored_under_cgi(spelling, variables):
            return Variable(spelling, value)
    return None
