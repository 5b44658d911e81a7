"""What the client says to programmers, in the words of the command line.

Its messages name parameters of Python functions, for those are what its callers have. Whoever
typed a command has options. All phrases that differ stand in one table; they are long enough not to
occur in what a server says.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace

from trio_wsproxy import ProxyError
from trio_wsproxy._exceptions import told
from trio_wsproxy._failures import Topic, Vocabulary
from trio_wsproxy._routing import Look, Route

from ._console import Console, printable

ARGUMENT = "argument proxy="  # the place that a Route names, where an option was given

#: What options are called on the command line.
OPTIONS: Vocabulary = {
    Topic.ARGUMENT: "--proxy",
    Topic.PROXY: "--proxy",
    Topic.BY_PROXY: "with --proxy",
    Topic.WAY: "the way",
    Topic.DIRECT: "--no-proxy",
    Topic.EXTRA_HEADERS: "--header",
    Topic.BY_EXTRA_HEADERS: "--header",
    Topic.SUBPROTOCOLS: "--subprotocol",
    Topic.BY_SUBPROTOCOLS: "--subprotocol",
    Topic.OR_PROXY_HEADERS: "",
    Topic.CONNECT_TIMEOUT: "--connect-timeout",
    Topic.SSL_CONTEXT: "--cacert",
    Topic.PROXY_SSL_CONTEXT: "--proxy-cacert",
    Topic.TRUST_SERVER: "name the authority's file with --cacert or in SSL_CERT_FILE",
    Topic.TRUST_PROXY: "name the authority's file with --proxy-cacert or in SSL_CERT_FILE",
    Topic.CLIENT_CERTIFICATE: "only programs can give one, with a context's load_cert_chain",
    Topic.GIVE_CREDENTIALS: "only programs can give them, with proxy_auth=",
    Topic.OTHER_CREDENTIALS: "only programs can give others, with proxy_auth=",
    Topic.SEE_ANSWER: "trio-wsproxy check shows the headers of its answer",
    Topic.LOST: "(1006): it ended without a close; the server or a proxy has gone",
}

# What the client says → what the command line says.
PHRASES = {
    ARGUMENT: "--proxy",
    "for a direct connection use None": "for a direct connection use --no-proxy",
    "name it with proxy= to be asked": "name it with --proxy to be asked",
    "name its proxy in proxy=": "name its proxy with --proxy",
    "give them with proxy_auth=": "only programs can give them, with proxy_auth=",
    ": see proxy_auth=": ": only programs can give others, with proxy_auth=",
    "ssl_context needs a wss:// URL": "--cacert needs a wss:// URL",
    "proxy_ssl_context needs an https:// proxy, but proxy= is": (
        "--proxy-cacert needs an https:// proxy, but the way is"
    ),
    "trust what the system trusts with the package truststore, or name the authority's file in "
    "SSL_CERT_FILE or a context's load_verify_locations": (
        "name the authority's file with --cacert or in SSL_CERT_FILE"
    ),
    "load one into the context (load_cert_chain)": (
        "only programs can give one, with a context's load_cert_chain"
    ),
    "use extra_headers=": "use --header",
    "extra_headers: ": "--header: ",
    ", or use proxy_headers=": "",
    "use subprotocols=": "use --subprotocol",
    "subprotocols: ": "--subprotocol: ",
    "see the error's .headers and .body for what it says": (
        "trio-wsproxy check shows the headers of its answer"
    ),
    "the connection is lost (1006 ABNORMAL_CLOSURE)": (
        "the connection is lost (1006): it ended without a close; the server or a proxy has gone"
    ),
    "is connect_timeout too short": "is --connect-timeout too short",
}
_LONGEST_FIRST = sorted(PHRASES, key=len, reverse=True)
_ANY = re.compile("|".join(map(re.escape, _LONGEST_FIRST)))


def as_options(text: str) -> str:
    """Name options where a text of the client names parameters."""
    return _ANY.sub(lambda found: PHRASES[found[0]], text)


def message(error: BaseException) -> str:
    """Give an error's message in these words, fit for a terminal."""
    text = as_options(printable(told(error, OPTIONS)))
    if isinstance(error, ProxyError):  # it is the proxy whose certificate was refused
        text = text.replace("file with --cacert", "file with --proxy-cacert")
    return text


def refuse(error: ValueError, console: Console, *, as_json: bool) -> int:
    """Tell what is malformed, to programs as an object too; give the exit code."""
    told = message(error)
    console.error(told)
    if as_json:
        console.print(json.dumps({"error": told}, ensure_ascii=False))
    return 2


def route_as_typed(route: Route, arguments: argparse.Namespace) -> Route:
    """Name the option in a route that an option decided on."""
    if arguments.no_proxy:
        look = Look("--no-proxy", None, "a direct connection")
        return replace(route, source="--no-proxy", trail=(look,))
    if route.source != ARGUMENT:
        return route
    trail = tuple(replace(look, place="--proxy") for look in route.trail)
    return replace(route, source="--proxy", trail=trail)
