"""Loads the C extension from the file that ``TRIO_WSPROXY_TEST_SPEEDUPS`` names, if it does.

To be imported before the package is: ``nox -s sanitize`` tries a build that nobody installs.
"""

from __future__ import annotations

import importlib.util
import os
import sys

NAME = "trio_wsproxy._websocket._speedups"

file = os.environ.get("TRIO_WSPROXY_TEST_SPEEDUPS")
if file:
    assert "trio_wsproxy" not in sys.modules
    spec = importlib.util.spec_from_file_location(NAME, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[NAME] = module
