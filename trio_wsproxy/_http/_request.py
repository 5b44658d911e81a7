"""The head of a request: what is usual is written here, all else by h11, which refuses what HTTP does not have.

A head is usual where each line is one (so nothing has broken out of its name or value), with a token for a
name and nothing but blanks and visible characters for a value. To see that takes one expression; h11 takes
ten times as long, and each opening writes a head or two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import h11

from trio_wsproxy._redaction import SecretBytes

_USUAL = re.compile(
    rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: (?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)+"
    rb"\r\n"
)


def request_head(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Write the head of a request without a body (RFC 9112 section 3).

    Args:
      method: For example ``b"GET"``.
      target: Of the request.
      headers: Names and values; ``Host`` is the first, and once there.

    Returns:
      The head, which hides itself, for there may be credentials in it.

    Raises:
      h11.LocalProtocolError: HTTP does not allow that.

    """
    # In one expression, for no variable may show credentials.
    head = SecretBytes(
        b"%b %b HTTP/1.1\r\n%b\r\n"
        % (method, target, b"".join([b"%b: %b\r\n" % pair for pair in headers]))
    )
    whole = head.count(b"\n") == len(headers) + 2 and not any(b":" in name for name, _ in headers)
    if whole and _USUAL.fullmatch(head):
        return head
    request = h11.Request(method=method, target=target, headers=[*headers])
    return SecretBytes(h11.Connection(h11.CLIENT).send(request) or b"")
