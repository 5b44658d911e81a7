"""Text from the network, made fit to be shown."""

from __future__ import annotations

import pytest

from trio_wsproxy._redaction import masked_reference, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("\x1b[31mred\x9b2J\r\n", "?[31mred?2J??"),
        ("a\u202eb\u2066c\u200bd\u2028e\ud800f", "a?b?c?d?e?f"),
        ("x" * 201, "x" * 200 + "…"),
        ("", ""),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Nothing is left that a terminal obeys or a reader does not see."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.org/login", "https://example.org/login"),
        ("https://example.org:8443/@ada", "https://example.org:8443/@ada"),
        ("https://[::1]/@ada", "https://[::1]/@ada"),
        ("/cb?code=s3#s3", "/cb"),
        ("/cb#access_token=s3", "/cb"),
        ("//ada:s3@example.org/x", "//***@example.org/x"),
        ("//ada:s3/s3@example.org/x", "//***@example.org/x"),
        ("//ada:s3?s3@example.org/x", "//***@example.org/x"),
        ("//a/\x1b]0;x\x9b", "//a/?]0;x?"),
    ],
)
def test_masked_reference(text: str, shown: str) -> None:
    """Of a URL that somebody sent nothing is shown but where it leads."""
    assert masked_reference(text) == shown


@pytest.mark.parametrize("piece", ["//", "//:", "//a:b", ":", "@", "//@", "?"])
def test_masking_takes_no_time(piece: str) -> None:
    """A text made to keep it busy does not, or this test would take minutes."""
    assert masked_reference(piece * (65536 // len(piece))) is not None
