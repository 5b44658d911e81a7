"""Where a PAC script is: the value that ``proxy=`` takes. All that is done with it, ``_pac`` does.

It is a file of its own because every program imports it, and few have a script.
"""

from __future__ import annotations

import os
import ssl
from typing import Any

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import Value, words
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import hiding, kind_of, secret, shown_url

MAX_SCRIPT = 2**20  # bytes; Chromium's limit, and the largest known have half of it


class PAC(Record):
    """A proxy auto-configuration script, for the parameter ``proxy``; takes the extra ``pac``.

    Args:
      source: Where it is: an ``http://`` or ``https://`` URL, a ``file://`` URL, a path; or the script
        itself, a text in which ``FindProxyForURL`` stands. It is loaded when it is first needed,
        through no proxy, and again when it is an hour old; 1 MB at most. A user name and password
        in a URL are sent to its server as Basic credentials.
      ssl_context: For TLS with the server of an ``https://`` URL; by default what the call has as
        ``proxy_ssl_context``, or the platform's trust store.

    Raises:
      ProxyConfigError: It is empty, too long, or a URL of another scheme; or there is a context that
        nothing would use.
      TypeError: It is no text and no path.

    Attributes:
      source (str): As given.
      ssl_context (ssl.SSLContext | None): As given.

    """

    __slots__ = ("source", "ssl_context")

    source: str
    ssl_context: ssl.SSLContext | None

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        ssl_context: ssl.SSLContext | None = None,
        place: Value = "PAC()",
    ) -> None:
        source = hiding(source)  # error trackers show our variables
        if not isinstance(source, (str, os.PathLike)) or not isinstance(os.fspath(source), str):
            raise TypeError(f"PAC() takes a URL, a path or a script, not {kind_of(source)}")
        if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
            raise TypeError(f"ssl_context is an ssl.SSLContext, not {kind_of(ssl_context)}")
        object.__setattr__(self, "source", secret(os.fspath(source).strip()))
        object.__setattr__(self, "ssl_context", ssl_context)
        self._check(place)

    def _check(self, place: Value) -> None:
        if not self.source:
            what = words("{place}: the source is empty", place=place)
            raise misconfigured(what, words("give a URL, a path or the script"))
        if self.source[:5].lower() == "data:":
            what = words("{place}: data: URLs are not read", place=place)
            raise misconfigured(what, words("give the script itself, or a file"))
        if self.is_script:
            if len(self.source) > MAX_SCRIPT:
                what = words(
                    "{place}: the script is longer than {limit:,} characters",
                    place=place,
                    limit=MAX_SCRIPT,
                )
                raise misconfigured(what, words("let it compare fewer names, or patterns of them"))
        elif "://" in self.source and self._scheme not in ("http", "https", "file"):
            what = words(
                "{place}: a PAC script is at an http://, https:// or file:// URL, not at {url}",
                place=place,
                url=shown_url(self.source),
            )
            raise misconfigured(what, words("is its scheme right?"))
        if self.ssl_context is not None and (self.is_script or not self.is_https):
            what = words("{place}: ssl_context is for an https:// URL", place=place)
            raise misconfigured(what, words("leave it out"))

    @property
    def _scheme(self) -> str:
        return self.source.partition("://")[0].lower()

    @property
    def is_https(self) -> bool:
        """Whether TLS is spoken to load it."""
        return self._scheme == "https"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"PAC is frozen: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (str(self.source), self.ssl_context)

    @property
    def is_script(self) -> bool:
        """Whether the source is the script itself."""
        return "FindProxyForURL" in self.source

    @property
    def shown(self) -> str:
        """The source for messages: without user name, password and query."""
        return "(given as text)" if self.is_script else shown_url(self.source)

    def __repr__(self) -> str:
        source = getattr(self, "source", None)  # it is shown, too, when its type was refused
        if source is None:
            return "PAC(…)"
        return f"PAC(<{len(source):,} characters>)" if self.is_script else f"PAC({self.shown!r})"


def _made(source: str, context: ssl.SSLContext | None) -> PAC:
    return PAC(source, ssl_context=context)
