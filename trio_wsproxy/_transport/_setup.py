"""What a dial needs of this machine before it begins: TLS contexts, python-socks.

Most dials find all of it there. Else it is a stage of its own, ``setup``, for it takes longer than a
connection does, and may wait: for a file on a server that is down, for a FIFO. It is done in threads, so
that the deadline of the dial and the rest of the program go on.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from trio_wsproxy._failures import Kind, words
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._routing import tls_settings
from trio_wsproxy._threads import Workers

from ._exhausted import exhaustion, is_exhausted
from ._trust import HTTP_1_1, TrustProblem, forget_contexts, kept_context, made_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trio_wsproxy._failures import Value, Words
    from trio_wsproxy._report import StageLog

    from ._hop import Hop, Server, Stop

_IMPORTS = Workers("imports", awaited=1, most=16)
_imported = False


class Contexts(NamedTuple):
    """The contexts of a dial, as far as it needs them.

    Attributes:
      proxies: For ``https://`` proxies that bring none of their own.
      server: For TLS with the server; ``None`` means no TLS with it.

    """

    proxies: ssl.SSLContext | None = None
    server: ssl.SSLContext | None = None


async def set_up(
    hops: Sequence[Hop],
    server: Server | None,
    log: StageLog,
    given: Contexts,
    alpn: tuple[str, ...],
) -> Contexts:
    """Get ready what a way needs.

    Args:
      hops: The proxies.
      server: The target; ``None`` where TLS with it is for later.
      log: Is told of what takes time.
      given: The caller's contexts; default ones are made where they are missing and needed.
      alpn: What a default context offers to the server.

    Raises:
      ProxyUnreachable: What is needed for a proxy cannot be had.
      ServerUnreachable: What is needed for the server cannot.

    """
    proxies = given.proxies
    for hop in hops:
        if hop.proxy.is_socks:
            await _import_socks(hop, log)
        elif hop.proxy.scheme == "https" and hop.proxy.ssl_context is None and proxies is None:
            proxies = await _default_context(hop, log, HTTP_1_1)
    target = given.server
    if target is None and server is not None and server.target.secure:
        target = await _default_context(server, log, alpn)
    return Contexts(proxies, target)


# What to ask where either takes too long.
_FILE = words("does that file lie on a server that is down, or is it a pipe that nobody serves?")


async def _default_context(stop: Stop, log: StageLog, alpn: tuple[str, ...]) -> ssl.SSLContext:
    waiting_for = _reading()
    log.waiting_for = waiting_for
    with _blamed_on(stop, waiting_for):
        context = await kept_context(alpn)
        if context is None:
            with log.stage("setup", stop.number, "trust store", waiting_for) as stage:
                stage.question = _FILE
                context = await made_context(alpn)
        return context


def _reading() -> Words:
    """Say what is waited for, with what the environment says about it."""
    settings = tls_settings()
    named = {"SSL_CERT_FILE": settings.cert_file, "SSLKEYLOGFILE": settings.key_log}
    places = ", ".join(f"{name}={value}" for name, value in named.items() if value)
    return words(
        "the certificates that this machine trusts to be read{places}",
        places=f" ({shown_text(places)})" if places else "",
    )


async def _import_socks(hop: Hop, log: StageLog) -> None:
    """Import python-socks, which takes a while, and which most routes do without."""
    if _imported:
        return
    waiting_for = words("python-socks to be imported")
    with (
        _blamed_on(hop, waiting_for),
        log.stage("setup", hop.number, "python-socks", waiting_for) as stage,
    ):
        stage.question = _FILE
        await _IMPORTS.run(_import)


def forget_setup() -> None:
    """Let the next dial set up what a process sets up once, so that each simulated universe begins alike."""
    global _imported  # noqa: PLW0603  # see below
    _imported = False
    forget_contexts()


def _import() -> None:
    global _imported  # noqa: PLW0603  # in sys.modules it is from the beginning of the import on
    from . import _socks  # noqa: F401

    _imported = True


@contextmanager
def _blamed_on(stop: Stop, what: Value) -> Iterator[None]:
    """Turn what kept it away into an error of the stop that it was needed for."""
    try:
        yield
    except TrustProblem as exc:
        raise stop.unreachable(exc.kind, "setup", exc.what, exc.remedy, None) from exc.__cause__
    except OSError as exc:
        if not is_exhausted(exc):
            raise
        why, remedy = exhaustion(exc)
        why = words("it has to wait for {what}: {why}", what=what, why=why)
        raise stop.unreachable(Kind.EXHAUSTED, "setup", why, remedy, None) from exc
