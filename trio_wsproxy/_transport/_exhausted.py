"""What this process, or this machine, may run out of in the middle of a dial.

No peer is to blame then, whoever was just being dialed, and asking whether its port is right helps
nobody.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

from trio_wsproxy._failures import Words, words
from trio_wsproxy._threads import NoThread, ThreadsHang

_DESCRIPTORS = words(
    "close connections and files that nobody needs, or allow more of them (ulimit -n)"
)
_WHAT = {
    errno.EMFILE: ("this process has no free file descriptor", _DESCRIPTORS),
    errno.ENFILE: ("this machine has no free file descriptor", _DESCRIPTORS),
    errno.ENOBUFS: ("this machine has no room for another socket", words("try again later")),
    errno.ENOMEM: ("this machine has no memory left", words("try again later")),
}


def is_exhausted(exc: BaseException) -> bool:
    """Tell whether something here was used up; the numbers of OpenSSL and of resolvers are others."""
    if isinstance(exc, (ThreadsHang, NoThread)):
        return True
    if not isinstance(exc, OSError) or isinstance(exc, (ssl.SSLError, socket.gaierror)):
        return False
    return exc.errno in _WHAT


def exhaustion(exc: OSError) -> tuple[Words, Words]:
    """Say what it was, and what to try."""
    if isinstance(exc, ThreadsHang):
        what = words("{count} threads still wait for earlier ones to come back", count=exc.count)
        return what, words("does what they wait for answer at all (name server, file server)?")
    if isinstance(exc, NoThread):
        what = words("this process can start no other thread ({error})", error=str(exc.strerror))
        return what, words("allow it more of them, or end some")
    code = exc.errno or 0
    text, remedy = _WHAT[code]
    return words("{what} ({error})", what=text, error=os.strerror(code)), remedy


def check_descriptors() -> None:
    """See whether there is a free descriptor: who lacks one may call it something else.

    Raises:
      OSError: There is none.

    """
    os.close(os.open(os.devnull, os.O_RDONLY))
