"""Text that is nearly a URL and has a secret in it, and a look for the secret in errors."""

from __future__ import annotations

import string

from hypothesis import strategies as st

SECRET = "sEcReT-77"

anything = st.text(max_size=30)
# A ":" behind a lone secret would make a user name of it, and those may be shown; an "@" before
# it can make a valid URL in which the "secret" is the host.
inside = st.one_of(
    st.text(st.characters(exclude_characters="@:"), max_size=10),
    st.text("0aé/?#[]%. -\\\n\x00", max_size=10),
)
nearly_urls = st.text(string.ascii_lowercase + "0123456789:/@?#[]%. -\\\n\x00é", max_size=30)
SHAPES = ("{0}user:{1}@{2}", "{0}user:{1}%40{2}", "{0}{1}@{2}")


class UrlObject:
    """Like yarl.URL: no string, but str() makes one of it."""

    def __str__(self) -> str:
        return "wss://example.org/chat"


def everything_told(error: BaseException | None) -> str:
    """All text that a log with a traceback, or a debugger, could get out of an exception."""
    told = []
    while error is not None:
        told += [str(error), repr(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(told)
