"""From a URL to a connection; the one room that knows all others."""
