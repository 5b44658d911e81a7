"""The few bytes of a certificate that tell who made it."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone

import pytest
import trustme

from trio_wsproxy._certificate import read_certificate


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
