"""What other clients make of the same environment: curl, Go, requests and websockets."""

from ._rules import Answer, Comparison, Hop, compare, curl, go, requests, websockets

__all__ = ["Answer", "Comparison", "Hop", "compare", "curl", "go", "requests", "websockets"]
