"""Loopback servers for tests: WebSocket echo, HTTP and SOCKS proxies, scripted failures.

All of them are async context managers. They listen on a port of loopback that the system
chooses, record what they were asked, and are gone without a trace when their block ends.

Certificates need trustme: ``pip install trustme``. The fixtures of
``trio_wsproxy.testing.fixtures`` are for pytest with pytest-trio.
"""

from trio_wsproxy import _public

from ._certificates import Certificates, PEMFiles
from ._echo import EchoRequest, EchoServer, open_echo_server
from ._http_proxy import open_http_proxy
from ._proxy import ProxyRequest, ProxyServer
from ._relay import CountingRelay, open_counting_relay
from ._server import LoopbackServer, RelayingServer, TCPServer, open_tcp_server
from ._socks_proxy import open_socks_proxy
from ._steps import Answer, ByteByByte, CutAnswer, Fail, Glue, Reset, Stall, Step

__all__ = [
    "Answer",
    "ByteByByte",
    "Certificates",
    "CountingRelay",
    "CutAnswer",
    "EchoRequest",
    "EchoServer",
    "Fail",
    "Glue",
    "LoopbackServer",
    "PEMFiles",
    "ProxyRequest",
    "ProxyServer",
    "RelayingServer",
    "Reset",
    "Stall",
    "Step",
    "TCPServer",
    "open_counting_relay",
    "open_echo_server",
    "open_http_proxy",
    "open_socks_proxy",
    "open_tcp_server",
]

_public.show_as_public(__name__, map(globals().__getitem__, __all__))
