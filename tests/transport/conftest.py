"""What the tests of this room share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest


@pytest.fixture
def no_descriptors() -> Callable[[], AbstractContextManager[None]]:
    """Make blocks in which this process has no free file descriptor."""
    if sys.platform == "win32":
        pytest.skip("Windows has no such limit")
    import resource

    @contextmanager
    def block() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # All numbers below the highest that is in use are taken first.
        lowest = os.open(os.devnull, os.O_RDONLY)
        taken = [lowest]
        used = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        while taken[-1] < used:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in taken:
                os.close(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no list of the descriptors in use")
    return block
