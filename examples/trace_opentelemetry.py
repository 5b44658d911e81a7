"""Make a span of each stage of a connection, below one for the connection itself.

::

    python -m pip install opentelemetry-sdk
    python examples/trace_opentelemetry.py wss://example.org/
"""

from __future__ import annotations

import sys

import trio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from trio_wsproxy import Stage, open_websocket_url

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("trio_wsproxy")


class StageSpans:
    """Makes spans; one object for each connection, for one stage goes on at a time."""

    def __call__(self, event: str, stage: Stage) -> None:
        """Begin a span, or end it with what the stage found."""
        if event == "begin":
            self._span = tracer.start_span(stage.name, attributes={"server.address": stage.peer})
            return
        for name, value in stage.details.items():
            self._span.set_attribute(f"trio_wsproxy.{name}", str(value))
        if not stage.ok:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


async def main(url: str) -> None:
    """Open a connection, and close it."""
    with tracer.start_as_current_span("websocket"):
        async with open_websocket_url(url, trace=StageSpans()):
            pass


trio.run(main, sys.argv[1])
