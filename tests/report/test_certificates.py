"""The few bytes of a certificate that tell who made it."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone

import pytest
import trustme

from trio_wsproxy._report._certificates import read_certificate


@pytest.fixture(scope="module")
def der() -> bytes:
    """A server's certificate with names in it."""
    authority = trustme.CA(organization_name="Müller & Co", organization_unit_name="Proxies")
    leaf = authority.issue_cert(
        "echo.test",
        common_name="echo.test",
        organization_name="Echo",
        not_after=datetime(2031, 2, 3, 4, 5, 6, tzinfo=timezone.utc),
    )
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def test_names_and_date(der: bytes) -> None:
    """Subject, issuer and the end of its validity are read as the certificate has them."""
    certificate = read_certificate(der)
    assert certificate.subject.startswith("CN=echo.test, ")
    assert "O=Echo" in certificate.subject
    assert "O=Müller & Co" in certificate.issuer
    assert "OU=Proxies" in certificate.issuer
    assert certificate.expires == datetime(2031, 2, 3, 4, 5, 6, tzinfo=timezone.utc)


@pytest.mark.parametrize("year", [2049, 2050, 9999])
def test_dates_of_both_kinds(year: int) -> None:
    """From 2050 on a date has four digits of the year (RFC 5280 section 4.1.2.5)."""
    far = datetime(year, 12, 31, tzinfo=timezone.utc)
    leaf = trustme.CA().issue_cert("echo.test", not_after=far)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    assert read_certificate(der).expires == far


def test_cut_off_anywhere(der: bytes) -> None:
    """Whatever is no certificate is a ValueError and nothing else."""
    for end in range(len(der)):
        with pytest.raises(ValueError, match="not a certificate"):
            read_certificate(der[:end])
    for index in range(0, len(der), 3):
        broken = der[:index] + bytes((der[index] ^ 0xFF,)) + der[index + 1 :]
        try:
            read_certificate(broken)
        except ValueError as exc:
            assert "not a certificate" in str(exc)  # most are still readable


def value(tag: int, *contents: bytes) -> bytes:
    """Write DER."""
    content = b"".join(contents)
    size = len(content)
    return (
        bytes((tag,))
        + (bytes((size,)) if size < 128 else b"\x84" + size.to_bytes(4, "big"))
        + content
    )


def made_up(name: bytes = b"", not_after: bytes = b"") -> bytes:
    """Write what has the structure of a certificate."""
    organisation = value(0x31, value(0x30, value(0x06, b"\x55\x04\x0a"), value(0x0C, name)))
    names = value(0x30, organisation)
    times = value(
        0x30, value(0x18, b"20200101000000Z"), not_after or value(0x18, b"20200101000000Z")
    )
    number, algorithm = value(0x02, b"\x01"), value(0x30)
    return value(0x30, value(0x30, number, algorithm, names, times, names))


def test_hostile_name() -> None:
    """A name commands no terminal, turns no text around and has an end."""
    certificate = read_certificate(made_up("\x1b]0;x\x07\x9b\u202eevil\n".encode()))
    assert certificate.issuer == certificate.subject == "O=?]0;x???evil?"
    assert len(read_certificate(made_up(b"x" * 100_000)).issuer) < 250


def test_many_values() -> None:
    """What has a great many parts is looked through once, or this would take seconds."""
    with pytest.raises(ValueError, match="not a certificate"):
        read_certificate(value(0x30, value(0x30, b"\x05\x00" * 1_000_000)))


@pytest.mark.parametrize(
    "time", [b"", b"2020", b"20201301000000Z", b"20200101000060Z", b"202001010000Z0", b"\xff" * 15]
)
def test_no_time(time: bytes) -> None:
    """What is no time, or one that there is not, is a ValueError."""
    with pytest.raises(ValueError, match="not a certificate"):
        read_certificate(made_up(not_after=value(0x18, time)))


@pytest.mark.parametrize("time", [b"99991231235959Z", b"00010101000000Z"])
def test_far_times(time: bytes) -> None:
    """The ends of the calendar can be read and shown."""
    certificate = read_certificate(made_up(not_after=value(0x18, time)))
    assert certificate.details()["expires"].endswith(
        time[8:10].decode() + ":" + time[10:12].decode()
    )
