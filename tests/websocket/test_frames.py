"""Client frames, byte for byte, built in Python and in C."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trio_wsproxy
from trio_wsproxy._websocket import _frames
from trio_wsproxy._websocket._frames import (
    BINARY,
    CONTINUATION,
    FIN,
    KEYS_AT_ONCE,
    PING,
    RSV1,
    TEXT,
    build_frame,
)

Builder = Callable[[int, bytes, bytes], bytes]

BUILDERS: dict[str, Builder] = {"Python": _frames.frame_in_python}
if _frames.frame_in_c is not None:
    BUILDERS["C"] = _frames.frame_in_c

KEY = bytes.fromhex("37 fa 21 3d")  # of the examples in RFC 6455 section 5.7


def unmask(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 section 5.3, word by word."""
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "82 80"),
        (1, "82 81"),
        (125, "82 fd"),
        (126, "82 fe 00 7e"),
        (127, "82 fe 00 7f"),
        (255, "82 fe 00 ff"),
        (256, "82 fe 01 00"),
        (65535, "82 fe ff ff"),
        (65536, "82 ff 00 00 00 00 00 01 00 00"),
        (70_003, "82 ff 00 00 00 00 00 01 11 73"),
        (2**24 + 1, "82 ff 00 00 00 00 01 00 00 01"),
    ],
)
def test_headers(builder: str, size: int, header: str) -> None:
    """Each size is written in as few bytes as it takes, with the mask bit (section 5.2)."""
    data = BUILDERS[builder](FIN | BINARY, bytes(size), KEY)
    head = bytes.fromhex(header) + KEY
    assert data[: len(head)] == head
    assert len(data) == len(head) + size
    assert data[len(head) :] == (KEY * (size // 4 + 1))[:size]  # zeros, masked


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_example_of_the_rfc(builder: str) -> None:
    """RFC 6455 section 5.7 has a masked "Hello"."""
    data = BUILDERS[builder](FIN | TEXT, b"Hello", KEY)
    assert data == bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58")


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("first", [FIN | TEXT, RSV1 | BINARY, CONTINUATION, FIN | PING, 0xFF])
def test_first_byte(builder: str, first: int) -> None:
    """The first byte is the caller's."""
    assert BUILDERS[builder](first, b"x", KEY)[0] == first


@pytest.mark.parametrize("builder", BUILDERS)
@given(payload=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4))
def test_mask(builder: str, payload: bytes, key: bytes) -> None:
    """Unmasked by the RFC's own words, the payload is what it was."""
    data = BUILDERS[builder](FIN | BINARY, payload, key)
    assert data.endswith(key + data[len(data) - len(payload) :])
    assert unmask(data[len(data) - len(payload) :], key) == payload


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("size", [*range(70), 1000, 4095, 4096, 65_537])
def test_mask_at_all_sizes(builder: str, size: int) -> None:
    """Sizes that are no multiple of a machine's word are masked to their last byte."""
    payload = bytes(i * 37 % 256 for i in range(size))
    data = BUILDERS[builder](FIN | BINARY, payload, KEY)
    assert unmask(data[len(data) - size :], KEY) == payload


def key_of(data: bytes) -> bytes:
    """The key of a small frame."""
    return data[2:6]


def test_no_key_is_used_twice() -> None:
    """The keys of several batches are all different, but for chance, and each batch is new."""
    count = 3 * KEYS_AT_ONCE + 1
    keys = [key_of(build_frame(FIN | TEXT, b"x")) for _ in range(count)]
    # Chance has two equal ones among them once in 14,000 runs, and two pairs never.
    assert len(set(keys)) >= count - 1
    assert all(len(key) == 4 for key in keys)
    assert all(a != b for a, b in pairwise(keys))


def test_keys_of_threads() -> None:
    """Threads, each with a trio of its own, never get the same key."""
    keys: list[bytes] = []
    start = threading.Barrier(4)

    def draw() -> None:
        start.wait()
        keys.extend(key_of(build_frame(FIN | TEXT, b"x")) for _ in range(2000))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(keys) == 8000
    assert len(set(keys)) >= 8000 - 3  # 0.007 pairs are expected by chance


def run(script: str, **environ: str) -> str:
    """Run a script in a Python of its own; what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
    )
    return result.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_keys_after_a_fork() -> None:
    """Parent and child go on with different keys, though they shared those not yet used."""
    printed = run(
        "import os\n"
        "from trio_wsproxy._websocket._frames import build_frame\n"
        "build_frame(0x81, b'x')\n"
        "child = os.fork()\n"
        "keys = [build_frame(0x81, b'x')[2:6].hex() for _ in range(20)]\n"
        "if child:\n"
        "    os.waitpid(child, 0)\n"
        "os.write(1, (' '.join(keys) + '\\n').encode())\n"
    )
    of_child, of_parent = (set(line.split()) for line in printed.splitlines())
    assert len(of_child) == len(of_parent) == 20
    assert not of_child & of_parent


def test_speedups(pytestconfig: pytest.Config) -> None:
    """SPEEDUPS tells which one is in use: in CI the C extension, but where it was hidden."""
    assert trio_wsproxy.SPEEDUPS is _frames.SPEEDUPS is (_frames._frame is _frames.frame_in_c)
    if pytestconfig.getoption("--no-speedups"):
        assert not trio_wsproxy.SPEEDUPS
    elif os.environ.get("CI") == "true":
        assert trio_wsproxy.SPEEDUPS
