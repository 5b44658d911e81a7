"""What the proxies of this process have wanted, each of them for each user.

A conversation is about one tunnel; what it has found out is true for the next one, too. So it is
kept here, without any password: that a proxy has asked for something stronger than Basic, which is
then never sent to it in the clear again, with which scheme its last tunnel was opened, so that the
next one needs no refused round, and what Digest needs for that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ._scheme import ProxyAuthRequest

if TYPE_CHECKING:
    from ._digest import Nonce

MAX_KNOWN = (
    1024  # proxies; a program that goes through more forgets those it has not used for longest
)


class Known:
    """What is known of one proxy, for one user.

    Attributes:
      better (bool): Whether it has asked for another scheme than Basic that could be spoken.
      took (str | None): The scheme, in lower case, that has opened the last tunnel.
      nonce (Nonce | None): Digest's last challenge.

    """

    __slots__ = ("better", "nonce", "took")

    def __init__(self) -> None:
        self.better = False
        self.took: str | None = None
        self.nonce: Nonce | None = None


_lock = threading.Lock()  # several threads may run a trio each
_all: dict[tuple[str, str, int, str | None], Known] = {}  # the one used last comes last


def known(request: ProxyAuthRequest, username: str | None) -> Known:
    """Give what is known of a proxy; it is to be changed in place.

    Args:
      request: Names the proxy.
      username: Whose credentials they are; ``None`` is whoever has logged in.

    """
    key = (request.proxy_scheme, request.proxy_host, request.proxy_port, username)
    with _lock:
        found = _all.pop(key, None) or Known()
        _all[key] = found
        if len(_all) > MAX_KNOWN:
            del _all[next(iter(_all))]
    return found


def forget_proxies(port: int | None = None) -> None:
    """Forget all proxies, or those on a port, as if this process had just begun.

    Args:
      port: Where another proxy listens now, as in tests.

    """
    with _lock:
        for key in list(_all):
            if port in (None, key[2]):
                del _all[key]
