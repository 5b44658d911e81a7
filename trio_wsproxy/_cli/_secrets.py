"""Secrets for a command that do not stand in its arguments, which every user of the machine can read.

Headers come from a file (``--header @FILE``, as curl has it), a proxy's user and password too, or from
whoever sits at the terminal and types what is not shown. Nothing heavy is imported here; see ``_parser``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trio_wsproxy._redaction import secret, shown_text

USER = "TRIO_WSPROXY_PROXY_USER"
PASSWORD = "TRIO_WSPROXY_PROXY_PASSWORD"  # noqa: S105  # the variable's name
MAX_FILE = 64 * 1024  # bytes; no server takes more headers


class Refused(ValueError):
    """An option cannot be used as it is; the message names it."""


def add_credentials(parser: argparse._ArgumentGroup) -> None:
    """Add the options for what proxies are told of whoever sits here."""
    parser.add_argument(
        "--proxy-user",
        type=_user,
        metavar="USER",
        help="user name for the proxies whose URL has none, or @FILE with USER:PASSWORD in it "
        f"(also {USER}); the password is asked for, or stands in {PASSWORD}; ':' is single sign-on",
    )
    parser.add_argument(
        "--proxy-auth",
        type=secret,
        metavar="SCHEMES",
        help="which of negotiate, ntlm, digest and basic to speak with proxies, in order of preference, "
        "with commas between them (also TRIO_WSPROXY_AUTH); negotiate without a user is single "
        "sign-on; or netrc, or keyring, where user and password are looked up",
    )


def headers(text: str) -> list[tuple[str, str]]:
    """Read a header, or with ``@FILE`` all that are in a file, a line each; one that is not sent is none.

    Raises:
      argparse.ArgumentTypeError: One is malformed, or the file cannot be read.

    """
    if not text.startswith("@"):
        return _header(text, "a header is written 'Name: value', or @FILE")
    path = text[1:]
    if not path:
        raise argparse.ArgumentTypeError("a path is missing behind the @")
    return [
        header
        for number, line in enumerate(_lines(path), start=1)
        if line.strip()
        for header in _header(line, f"{path!r}, line {number}: a header is written 'Name: value'")
    ]


def _header(text: str, problem: str) -> list[tuple[str, str]]:
    """Read a header as curl does: ``Name;`` has no value, and ``Name:`` is one that is not sent."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon and name.endswith(";"):
        name, colon, empty = name[:-1].rstrip(), ":", True
    else:
        empty = False
    if not (name and colon):
        # Without the text: it may be a secret that was meant to have a name.
        raise argparse.ArgumentTypeError(problem)
    return [(name, secret(value))] if value or empty else []


def _lines(path: str) -> list[str]:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "no such name"
        raise argparse.ArgumentTypeError(f"cannot read {path!r}: {reason}") from None
    if len(data) > MAX_FILE:
        raise argparse.ArgumentTypeError(f"{path!r} has more than {MAX_FILE // 1024} KiB")
    return data.decode("utf-8-sig", "surrogateescape").splitlines()


def _user(text: str) -> str:
    if not text.startswith("@"):
        return secret(text)
    lines = [line for line in _lines(text[1:]) if line.strip()]
    if len(lines) != 1 or not lines[0].partition(":")[2]:
        raise argparse.ArgumentTypeError(f"{text[1:]!r} has to be one line, USER:PASSWORD")
    return secret(lines[0])


def ask_password(user: str, of: str) -> str:
    """Ask for a password where somebody sits there; nothing where nobody does, or wants to tell."""
    if sys.stdin is None or not sys.stdin.isatty():
        return ""
    import getpass

    try:
        return secret(getpass.getpass(f"Password of {shown_text(user)} at {of}: "))
    except EOFError:  # Ctrl-D
        return ""
