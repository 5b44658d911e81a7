"""Where would curl, Go, requests and websockets go in the same environment?

A file for each program has its rules; what they share is in ``_common`` and ``_urllib``. None of these
programs is needed or imported; ``tests/cli/rivals`` asks the real ones.
"""

from ._common import Answer, ProxyAsRead
from ._compare import Comparison, compare
from ._curl import curl
from ._go import go
from ._requests import requests
from ._websockets import websockets

__all__ = [
    "Answer",
    "Comparison",
    "ProxyAsRead",
    "compare",
    "curl",
    "go",
    "requests",
    "websockets",
]
