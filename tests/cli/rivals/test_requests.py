"""What is said about requests, asked of the real one."""

from __future__ import annotations

import os
import re
from unittest import mock

import pytest
import requests
import requests.utils
from _rival_cases import (
    CASES,
    FAILS,
    Environ,
    Outcome,
    from_url,
    ids,
    outcome,
)

from trio_wsproxy._cli import _rivals
from trio_wsproxy._urls import parse_target


def ask_requests(environ: Environ, url: str) -> Outcome:
    """Where requests would connect to, as far as it goes without doing it."""
    http_url = re.sub("^ws", "http", url)
    with mock.patch.dict(os.environ, environ, clear=True), requests.Session() as session:
        prepared = requests.Request("GET", http_url).prepare()
        settings = session.merge_environment_settings(http_url, {}, None, None, None)
        adapter = session.get_adapter(http_url)
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        chosen = requests.utils.select_proxy(http_url, settings["proxies"])
        try:
            pool = adapter.get_connection_with_tls_context(prepared, True, settings["proxies"])
        except (ValueError, requests.RequestException):
            return FAILS
    if pool.proxy is not None:
        host = str(pool.proxy.host)
        return str(pool.proxy.scheme), host.strip("[]"), int(pool.proxy.port or 0)
    return from_url(chosen, {"socks4": 1080, "socks5": 1080})  # PySocks knows the port


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_requests(case: tuple[Environ, str]) -> None:
    """The library requests goes where we say that it goes."""
    environ, url = case
    assert outcome(_rivals.requests(parse_target(url), environ)) == ask_requests(environ, url)
