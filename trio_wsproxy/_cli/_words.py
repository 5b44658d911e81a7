"""What the client says to programmers, in the words of the command line.

Its messages name parameters of Python functions, for those are what its callers have. Whoever
typed a command has options. All that differs stands in one vocabulary (:mod:`trio_wsproxy._failures`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from trio_wsproxy._exceptions import failure_of, told
from trio_wsproxy._failures import Kind, Topic, Vocabulary
from trio_wsproxy._redaction import escaped
from trio_wsproxy._routing import Look, Route, spoken

from ._console import Console
from ._json import written
from ._objects import of_error
from ._secrets import PASSWORD

#: What options are called on the command line.
OPTIONS: Vocabulary = {
    Topic.ARGUMENT: "--proxy",
    Topic.PAC_ARGUMENT: "--pac",
    Topic.NAME_PAC: "use --pac URL, or name it in the variable TRIO_WSPROXY_PAC",
    Topic.PROXY: "--proxy",
    Topic.BY_PROXY: "with --proxy",
    Topic.WAY: "the way",
    Topic.DIRECT: "--no-proxy",
    Topic.ASKED_DIRECT: "--no-proxy",
    Topic.EXTRA_HEADERS: "--header",
    Topic.BY_EXTRA_HEADERS: "--header",
    Topic.SUBPROTOCOLS: "--subprotocol",
    Topic.BY_SUBPROTOCOLS: "--subprotocol",
    Topic.OR_PROXY_HEADERS: "",
    Topic.CONNECT_TIMEOUT: "--connect-timeout",
    Topic.DISCONNECT_TIMEOUT: "the time for that",
    Topic.MAX_MESSAGE_SIZE: "--max-size",
    Topic.SSL_CONTEXT: "--cacert",
    Topic.PROXY_SSL_CONTEXT: "--proxy-cacert",
    Topic.TRUST_SERVER: "name the authority's file with --cacert or in SSL_CERT_FILE",
    Topic.TRUST_PROXY: "name the authority's file with --proxy-cacert or in SSL_CERT_FILE",
    Topic.ASK_FOR_NAME: "only programs can ask for one that is not in the URL",
    Topic.TRUST_OWN: "name the authority's file with --proxy-cacert or in SSL_CERT_FILE",
    Topic.CLIENT_CERTIFICATE: "give one with --cert, for a proxy with --proxy-cert",
    Topic.GIVE_CREDENTIALS: "--proxy-auth knows negotiate, ntlm, digest and basic",
    Topic.OTHER_CREDENTIALS: "see --proxy-auth",
    Topic.PROXY_AUTH: "--proxy-auth",
    Topic.OF_CREDENTIALS: "of --proxy-user",
    Topic.GIVE_MISSING: f"give it in {PASSWORD}",
    Topic.GIVE_MISSING_TO_URL: f"give it in {PASSWORD}, or put user:password@ into the proxy URL",
    Topic.SEND_FIRST: "--proxy-auth basic sends them without being asked for",
    Topic.KERBEROS_NAME: "write the name that Kerberos knows it by into the proxy URL",
    Topic.NETRC: "--proxy-auth netrc",
    Topic.KEYRING: "--proxy-auth keyring",
    Topic.MAX_REDIRECTS: "the limit",
    Topic.FOLLOW_REDIRECT: "give that URL to go there",
    Topic.REDIRECT_POLICY: "the program's policy",
    Topic.GRANT_PRIVATE: "a program allows it",
    Topic.GRANT_CONTEXT: "only programs can say which one is used there",
    Topic.SEE_ANSWER: "trio-wsproxy check shows the headers of its answer",
    Topic.LOST: "(1006): it ended without a close; the server or a proxy has gone",
}

_PROXY_REFUSED = {("proxy_tls", Kind.UNKNOWN_ISSUER), ("proxy_tls", Kind.CERTIFICATE_REFUSED)}
_IN_VAIN = "; -k is for the server, --proxy-insecure for the proxy"


def message(error: BaseException, arguments: argparse.Namespace | None = None) -> str:
    """Give an error's message in these words, fit for a terminal.

    Args:
      error: Any.
      arguments: Of the connection that it is about, if it is about one.

    """
    failure = failure_of(error)
    in_vain = arguments is not None and arguments.insecure and not arguments.proxy_insecure
    refused = failure is not None and (failure.stage, failure.kind) in _PROXY_REFUSED
    return escaped(told(error, OPTIONS)) + (_IN_VAIN if in_vain and refused else "")


def what_to_ask(interrupt: KeyboardInterrupt) -> str:
    """Say what a time-out would ask, behind what Ctrl-C has ended; nothing where there is nothing."""
    failure = failure_of(interrupt)
    if failure is None or failure.remedy is None:
        return ""
    return escaped(f"; {failure.remedy.render(OPTIONS)}")


def what_was_waited_for(interrupt: KeyboardInterrupt) -> str:
    """Say what Ctrl-C has ended, and what a time-out would ask; nothing behind the opening."""
    failure = failure_of(interrupt)
    return "" if failure is None else escaped(f"; {failure.render(OPTIONS)}")


def refuse(error: Exception, console: Console, arguments: argparse.Namespace) -> int:
    """Tell what is malformed, to programs as an object too; give the exit code."""
    told = message(error)
    console.error(told)
    if arguments.json:
        what = of_error(type(error).__name__, told, error)
        known = {"command": arguments.command, "ok": False, "error": what}
        console.print(written(known, indent=2))
    return 2


def route_as_typed(route: Route, arguments: argparse.Namespace) -> Route:
    """Name options in a route, where one decided on it or is advised."""
    if arguments.no_proxy:
        look = Look("--no-proxy", None, "a direct connection")
        return replace(route, source="--no-proxy", trail=(look,))
    if arguments.pac is not None:
        return spoken(route, {**OPTIONS, Topic.ARGUMENT: OPTIONS[Topic.PAC_ARGUMENT]})
    return spoken(route, OPTIONS)
