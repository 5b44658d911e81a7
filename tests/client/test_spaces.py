"""How near a host is: names and addresses, in all their disguises."""

from __future__ import annotations

import pytest

from trio_wsproxy._client._spaces import Space, farthest, space_of
from trio_wsproxy._urls import normalise_host

PUBLIC = ("example.org", "example.org.", "notlocalhost.example", "local.example", "a.corp.example")
PUBLIC_ADDRESSES = ("8.8.8.8", "::ffff:8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808")
PRIVATE = ("router", "a.local", "A.LOCAL.", "metadata.google.internal", "x.home.arpa", "a.lan")
PRIVATE_ADDRESSES = (
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "::ffff:0:a00:1",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "64:ff9b:1::808:808",
)
LOOPBACK = ("localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain", "ip6-localhost")
LOOPBACK_ADDRESSES = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "::1",
    "[::1]",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:0.0.0.0",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "::ffff:0:7f00:1",
    "2002:7f00:1::",
)


@pytest.mark.parametrize(
    ("host", "space"),
    [
        *((host, Space.PUBLIC) for host in PUBLIC + PUBLIC_ADDRESSES),
        *((host, Space.PRIVATE) for host in PRIVATE + PRIVATE_ADDRESSES),
        *((host, Space.LOOPBACK) for host in LOOPBACK + LOOPBACK_ADDRESSES),
    ],
)
def test_hosts(host: str, space: int) -> None:
    """An address is where it is, a name where it says that it is, whatever they are written like."""
    assert space_of(normalise_host(host)) is space


@pytest.mark.parametrize(
    ("addresses", "space"),
    [
        ([], Space.PUBLIC),
        (["127.0.0.1", "::1"], Space.LOOPBACK),
        (["127.0.0.1", "10.0.0.1"], Space.PRIVATE),
        (["10.0.0.1", "8.8.8.8"], Space.PUBLIC),
    ],
)
def test_farthest(addresses: list[str], space: int) -> None:
    """Who has several addresses is as far away as the farthest."""
    assert farthest(addresses) is space
