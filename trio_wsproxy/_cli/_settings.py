"""What the options of a connection become for the client."""

from __future__ import annotations

import argparse
import base64
import ssl
from typing import Any

from trio_wsproxy._redaction import secret

from ._console import Console
from ._credentials import told_to_proxies
from ._secrets import Refused, ask_password

UNCHECKED = (
    "warning: the certificate of {peer} is not checked ({option}): anybody on the way can read and "
    "change everything"
)


def connection_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """Say what the options of a connection are as parameters of ``open_websocket_url``.

    May ask the user for a password, so it is to be called before trio runs.

    Raises:
      Refused: A file or an option cannot be used.

    """
    told = told_to_proxies(arguments)
    return {
        "ssl_context": _context(arguments, ""),
        "subprotocols": arguments.subprotocol,
        "extra_headers": _headers(arguments),
        "proxy": told.proxy,
        "proxy_ssl_context": _context(arguments, "proxy_"),
        "proxy_auth": told.auth,
        "compression": "deflate" if arguments.compression else None,
        "max_redirects": arguments.max_redirects,
        "connect_timeout": arguments.connect_timeout,
    }


def warn(arguments: argparse.Namespace, console: Console) -> None:
    """Say what is not safe of what was asked for."""
    if _unchecked(arguments, ""):
        console.warn(UNCHECKED.format(peer="the server", option="--insecure"))
    if arguments.proxy_insecure:
        console.warn(UNCHECKED.format(peer="proxies", option="--proxy-insecure"))


def _headers(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = list(arguments.header)
    if arguments.origin is not None:
        pairs.append(("Origin", arguments.origin))
    if arguments.user is not None:
        user, colon, password = arguments.user.partition(":")
        if not colon:
            password = ask_password(user, "the server")
        token = base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape"))
        pairs.append(("Authorization", secret(f"Basic {token.decode('ascii')}")))
    return pairs


# --- TLS ---------------------------------------------------------------------------------


def _context(arguments: argparse.Namespace, prefix: str) -> ssl.SSLContext | None:
    """Make a context of the options with a prefix; ``None`` where none is given."""

    def option(name: str) -> Any:
        return getattr(arguments, f"{prefix}{name}")

    files = any(map(option, ("cacert", "cert", "key")))
    if not (files or _unchecked(arguments, prefix)):
        return None
    shown = f"--{prefix}".replace("_", "-")
    context = _trusting(option("cacert"), f"{shown}cacert")
    if option("insecure"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if option("key") and not option("cert"):
        raise Refused(f"{shown}key is of no use without {shown}cert")
    if option("cert"):
        _load(context, option("cert"), option("key"), f"{shown}cert")
    context.set_alpn_protocols(["http/1.1"])  # as the client's own context does
    return context


def _unchecked(arguments: argparse.Namespace, prefix: str) -> bool:
    """Whether a certificate is not checked. As with curl, where there is none that option is nothing."""
    asked: bool = getattr(arguments, f"{prefix}insecure")
    return asked and (bool(prefix) or arguments.url.lower().startswith("wss:"))


def _trusting(path: str | None, option: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        problem = f"{path!r} has no certificates in PEM format"
    except OSError as exc:
        problem = f"cannot read {path!r}: {exc.strerror}"
        if exc.filename not in (None, path):  # the ssl module's, out of SSLKEYLOGFILE
            raise Refused(
                f"SSLKEYLOGFILE names {exc.filename!r}, to which the keys of TLS cannot be written: "
                f"{exc.strerror}"
            ) from None
    raise Refused(f"{option}: {problem}")


def _load(context: ssl.SSLContext, cert: str, key: str | None, option: str) -> None:
    try:
        context.load_cert_chain(
            cert, key, lambda: ask_password("the private key", repr(key or cert))
        )
    except ssl.SSLError as exc:
        problem = f"no certificate with its private key, in PEM format ({exc.reason})"
        if exc.reason == "KEY_VALUES_MISMATCH":
            problem = "its key is another certificate's"
    except OSError as exc:
        problem = f"cannot be read: {exc.strerror}"
    else:
        return
    files = repr(cert) if key is None else f"{cert!r} with {key!r}"
    raise Refused(f"{option}: {files}: {problem}")
