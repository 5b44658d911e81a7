"""Fixtures of the tests against real proxies; what they give is in ``_proxies.py``."""

from collections.abc import Iterator

import _proxies
import pytest


@pytest.fixture(scope="session")
def real() -> Iterator[_proxies.RealProxies]:
    """Every real proxy by its name, started when first asked for: ``real["squid-auth"]``."""
    proxies = _proxies.RealProxies()
    yield proxies
    proxies.close()
