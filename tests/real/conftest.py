"""Fixtures of the tests against real proxies; what they give is in ``_proxies.py`` and ``_challenging.py``."""

from collections.abc import Iterator

import _challenging
import _proxies
import pytest


@pytest.fixture(scope="session")
def real() -> Iterator[_proxies.RealProxies]:
    """Every real proxy by its name, started when first asked for: ``real["squid-auth"]``."""
    proxies = _proxies.RealProxies()
    yield proxies
    proxies.close()


@pytest.fixture(scope="session")
def squid() -> Iterator[_challenging.Challenging]:
    """A squid with a port for each scheme, its KDC, and the authorities."""
    with _challenging.challenging() as running:
        yield running
