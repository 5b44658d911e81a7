"""Where a PAC script is: the value that ``proxy=`` takes. All that is done with it, ``_pac`` does.

It is a file of its own because every program imports it, and few have a script.
"""

from __future__ import annotations

import os
from typing import Any

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import Value, words
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import secret, shown_url


class PAC(Record):
    """A proxy auto-configuration script, for the parameter ``proxy``; takes the extra ``pac``.

    Args:
      source: Where it is: an ``http://`` or ``https://`` URL, a ``file://`` URL, a path; or the script
        itself, a text in which ``FindProxyForURL`` stands. It is loaded when it is first needed,
        through no proxy, and again when it is an hour old; 1 MB at most.

    Raises:
      ProxyConfigError: It is empty, or a URL of another scheme.
      TypeError: It is no text and no path.

    Attributes:
      source (str): As given.

    """

    __slots__ = ("source",)

    source: str

    def __init__(self, source: str | os.PathLike[str], *, place: Value = "PAC()") -> None:
        if not isinstance(source, (str, os.PathLike)):
            raise TypeError(f"PAC() takes a URL, a path or a script, not {type(source).__name__}")
        text = os.fspath(source).strip()
        if not isinstance(text, str) or not text:
            what = words("{place}: the source is empty", place=place)
            raise misconfigured(what, words("give a URL, a path or the script"))
        object.__setattr__(self, "source", secret(text))
        scheme, sign, _ = text.partition("://")
        if sign and not self.is_script and scheme.lower() not in ("http", "https", "file"):
            what = words(
                "{place}: a PAC script is at an http://, https:// or file:// URL, not at {url}",
                place=place,
                url=shown_url(text),
            )
            raise misconfigured(what)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"PAC is frozen: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return PAC, (self.source,)

    @property
    def is_script(self) -> bool:
        """Whether the source is the script itself."""
        return "FindProxyForURL" in self.source

    @property
    def shown(self) -> str:
        """The source for messages: without user name, password and query."""
        return "(given as text)" if self.is_script else shown_url(self.source)

    def __repr__(self) -> str:
        return (
            f"PAC(<{len(self.source):,} characters>)" if self.is_script else f"PAC({self.shown!r})"
        )
