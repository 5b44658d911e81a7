"""``Retry-After`` (RFC 9110 section 10.2.3): when a peer wants to be asked again. Pure rules."""

from __future__ import annotations

import email.utils
import time

from trio_wsproxy._lazy import lazy_pattern

MAX_VALUE = 64  # characters; the longest form of a date has 40 (RFC 9110 section 5.6.7)
LONGEST = 10.0**9  # seconds; what is more than thirty years is not told apart
_SECONDS = lazy_pattern(r"[0-9]+(?:[ \t]*,[ \t]*[0-9]+)*")


def retry_after(headers: tuple[tuple[bytes, bytes], ...]) -> float:
    """Read how long to wait before the next attempt.

    Args:
      headers: Of a refusal, names in lower case.

    Returns:
      Seconds, :data:`LONGEST` at most; 0 where nothing that can be read says so. Of several values,
      in lines of their own or joined by a server on the way, the greatest.

    """
    values = (value for name, value in headers if name == b"retry-after")
    return max(map(_seconds, values), default=0.0)


def _seconds(value: bytes) -> float:
    text = value.decode("latin-1").strip(" \t")
    if not text.isascii():
        return 0.0
    if _SECONDS.fullmatch(text):
        numbers = [number.strip(" \t").lstrip("0") for number in text.split(",")]
        # int() itself refuses thousands of digits, and float() makes them infinite.
        return max(LONGEST if len(x) > len("999999999") else float(x or 0) for x in numbers)
    return min(_until(text), LONGEST) if 0 < len(text) <= MAX_VALUE else 0.0


def _until(text: str) -> float:
    """Tell the seconds from now to a date, 0 where it is over or none."""
    try:
        parsed = email.utils.parsedate_tz(text)
        return max(0.0, email.utils.mktime_tz(parsed) - time.time()) if parsed else 0.0
    except (ValueError, OverflowError):  # a year that there is not
        return 0.0
