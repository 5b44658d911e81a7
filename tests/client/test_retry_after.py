"""``Retry-After``: what is read of it, and what of any other text."""

from __future__ import annotations

import email.utils

import pytest

from trio_wsproxy._client._retry_after import LONGEST, retry_after

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], 0),
        ([b"7"], 7),
        ([b" 7\t"], 7),
        ([b"0"], 0),
        ([b"000000000000000000000007"], 7),
        ([b"999999999"], 999_999_999),
        ([b"1" + b"0" * 400], LONGEST),
        ([b"9" * 60_000], LONGEST),
        ([b"30, 30"], 30),
        ([b"5 ,\t70,6"], 70),
        ([b"5,", b"8"], 8),
        ([b"30", b"40", b"20"], 40),
        ([b"soon", b"20"], 20),
        ([email.utils.formatdate(NOW + 90, usegmt=True).encode()], 90),
        ([email.utils.formatdate(NOW - 90, usegmt=True).encode()], 0),
        ([b"Fri, 31 Dec 9999 23:59:59 GMT"], LONGEST),
        ([b"Fri, 31 Dec 99999 23:59:59 GMT"], 0),
        ([b"Tue Nov 14 22:14:20 2023"], 60),
        ([b"Tuesday, 14-Nov-23 22:14:20 GMT"], 60),
        ([b"Fri, 31 Dec 9999" + b" " * 100], 0),
        ([b"-7"], 0),
        ([b"+7"], 0),
        ([b"7.5"], 0),
        ([b"1e9"], 0),
        ([b"1_000"], 0),
        ([b"0x10"], 0),
        ([b"inf"], 0),
        ([b"nan"], 0),
        ([b"\xb2"], 0),
        (["\uff17".encode()], 0),
        ([b""], 0),
        ([b"\xff" * 60_000], 0),
    ],
)
def test_values(values: list[bytes], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds and dates are read, the greatest counts, and what is neither says nothing."""
    monkeypatch.setattr("time.time", lambda: float(NOW))
    headers = ((b"date", b"60"), *((b"retry-after", value) for value in values))
    assert retry_after(headers) == seconds
