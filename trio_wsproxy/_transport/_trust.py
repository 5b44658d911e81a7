"""The default TLS contexts: whom the platform trusts, and where the environment says otherwise.

Theory of operation
-------------------

Making a context reads the platform's trust store, 20 to 150 ms, so it is made once, and again when
what it was made of has changed: the variables ``SSL_CERT_FILE``, ``SSL_CERT_DIR`` and ``SSLKEYLOGFILE``, and
the state of the file of certificates. Reading is done in a thread: files may lie on a dead server, or be
a FIFO that nobody writes into. So is looking at the state of a file that a variable names.

:meth:`ssl.SSLContext.load_default_certs` has OpenSSL read that file and tells nothing of what goes wrong, so
that a machine that happens to have no free file descriptor at that moment trusts nobody, in silence and for
ever. Here the file is read by name: what a variable names and cannot be used is told, as
:exc:`TrustProblem`; and a context without a single certificate is never kept.

Nobody is dialed for any of that; who needs the context, the dialer knows.
"""

from __future__ import annotations

import errno
import functools
import os
import ssl
import stat
import sys
import weakref
from typing import NamedTuple, TypeAlias

from trio_wsproxy._failures import Kind, Words, words
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._routing import TLSSettings, tls_settings
from trio_wsproxy._threads import Workers

from ._exhausted import exhaustion, is_exhausted

HTTP_1_1 = ("http/1.1",)  # RFC 7301; CONNECT and the upgrade are HTTP/1.1 here, never h2
LOOKED_AT = 64 * 1024  # bytes of a file that OpenSSL could not use

# One at a time, so that dials that begin together read once.
_FILES = Workers("trust", awaited=1, most=16)

FileState: TypeAlias = tuple[int, ...] | None  # None where there is none


class _State(NamedTuple):
    """What a context was made of."""

    settings: TLSSettings
    file: FileState


class _Kept(NamedTuple):
    state: _State
    context: ssl.SSLContext


_kept: dict[tuple[str, ...], _Kept] = {}
# Contexts that trust nobody, and why; whoever was given one cannot succeed with it.
_hopeless: weakref.WeakKeyDictionary[ssl.SSLContext, Words] = weakref.WeakKeyDictionary()


class TrustProblem(Exception):
    """No default context can be made; a value for the dialer, it never leaves this package.

    Attributes:
      kind: What kind of failure it is.
      what: In words.
      remedy: What to try.

    """

    def __init__(self, kind: Kind, what: Words, remedy: Words) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.remedy = remedy


async def kept_context(alpn: tuple[str, ...]) -> ssl.SSLContext | None:
    """Give the process's default context, if it was made and nothing has changed since."""
    kept = _kept.get(alpn)
    settings = tls_settings()
    if kept is None or kept.state.settings != settings:
        return None
    if settings.cert_file is None:  # the platform's own file is on a disk of this machine
        state = _state(settings)
    else:
        state = await _FILES.run(lambda: _state(settings))
    return kept.context if kept.state == state else None


async def made_context(alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Make the process's default context, which trusts what the platform trusts.

    Args:
      alpn: The protocols to offer. A context given by the user is never changed instead:
        it may be in use elsewhere.

    Raises:
      TrustProblem: It cannot be made.

    """
    return await _FILES.run(lambda: _kept_or_made(alpn))


def why_nobody_is_trusted(context: ssl.SSLContext) -> Words | None:
    """Say why a default context trusts nobody; ``None`` of one that does, and of others."""
    return _hopeless.get(context)


def forget_contexts() -> None:
    """Forget all that was made."""
    _kept.clear()


def _kept_or_made(alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Make it unless somebody else has meanwhile."""
    settings = tls_settings()
    state = _state(settings)  # before it is read: what changes meanwhile is seen next time
    kept = _kept.get(alpn)
    if kept is not None and kept.state == state:
        return kept.context
    context = _made(settings)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if _trusts_anybody(context, settings):
        if _kept.get(alpn) is kept:  # else somebody was faster, whose reading is newer
            _kept[alpn] = _Kept(state, context)
    else:
        _hopeless[context] = words(
            "this machine knows no authority, for there is nothing in {file} and {directory}",
            file=shown_text(_platform().file),
            directory=shown_text(_directory(settings)),
        )
    return context


def _state(settings: TLSSettings) -> _State:
    """Look at the file of certificates."""
    try:
        found = os.stat(settings.cert_file or _platform().file)  # noqa: PTH116  # five times as fast as Path's
    except OSError:
        return _State(settings, None)
    if not stat.S_ISREG(found.st_mode):  # a pipe can be read only once
        return _State(settings, (found.st_dev, found.st_ino))
    return _State(
        settings, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    )


def _made(settings: TLSSettings) -> ssl.SSLContext:
    if settings.key_log is not None:
        _check_key_log(settings.key_log)
    if not _reads_files():
        return ssl.create_default_context()
    platform, directory = _platform(), _directory(settings)
    if settings.cert_file is None:
        try:
            return ssl.create_default_context(cafile=platform.file, capath=directory)
        except OSError as exc:
            if is_exhausted(exc):
                raise _exhausted(f"the certificates in {platform.file}", exc) from exc
        return ssl.create_default_context(capath=directory)  # the file is optional, for OpenSSL
    try:
        context = ssl.create_default_context(cafile=settings.cert_file, capath=directory)
    except OSError as exc:
        raise _unusable_file(settings.cert_file, exc) from exc
    if not context.cert_store_stats()["x509"]:
        raise _problem(_CERT_FILE, settings.cert_file, words("which has no certificate in it"))
    return context


def _reads_files() -> bool:
    """Tell whether trust comes from files alone: Windows has a store, and so has truststore."""
    return sys.platform != "win32" and ssl.SSLContext.__module__ == "ssl"


def _trusts_anybody(context: ssl.SSLContext, settings: TLSSettings) -> bool:
    """Tell whether a context is worth keeping; OpenSSL reads its directories when it needs them."""
    if not _reads_files() or context.cert_store_stats()["x509"]:
        return True
    for directory in _directory(settings).split(os.pathsep):
        try:
            with os.scandir(directory) as entries:
                if any(entries):
                    return True
        except OSError as exc:
            if is_exhausted(exc):
                raise _exhausted(f"the certificates in {directory}", exc) from exc
    return False


def _directory(settings: TLSSettings) -> str:
    """Name the directory, or directories, that OpenSSL looks into."""
    return settings.cert_dir or _platform().directory


class _Platform(NamedTuple):
    """Where OpenSSL was built to look."""

    file: str
    directory: str


@functools.cache
def _platform() -> _Platform:
    paths = ssl.get_default_verify_paths()
    return _Platform(paths.openssl_cafile, paths.openssl_capath)


# --- what is wrong with a setting ---------------------------------------------------------

_CERT_FILE, _KEY_LOG = "SSL_CERT_FILE", "SSLKEYLOGFILE"


def _check_key_log(path: str) -> None:
    """See whether keys can be written; what ssl raises for it is like what it raises for others."""
    try:
        if os.path.isfile(path) or not os.path.exists(path):  # noqa: PTH110, PTH113  # may be bytes
            with open(path, "ab"):  # noqa: PTH123
                return
        if os.path.isdir(path):  # noqa: PTH112
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as exc:
        if is_exhausted(exc):
            raise _exhausted(f"{_KEY_LOG}={path}", exc) from exc
        why = words("to which the keys of TLS cannot be written ({why})", why=str(exc.strerror))
        raise _problem(_KEY_LOG, path, why) from exc


def _unusable_file(path: str, exc: OSError) -> TrustProblem:
    """Say why OpenSSL could not take certificates out of a file."""
    if is_exhausted(exc):
        return _exhausted(f"{_CERT_FILE}={path}", exc)
    if not isinstance(exc, ssl.SSLError):
        return _problem(
            _CERT_FILE, path, words("which cannot be read ({why})", why=str(exc.strerror))
        )
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
        data = b""
        if regular:
            with open(path, "rb") as file:  # noqa: PTH123
                data = file.read(LOOKED_AT)
    except OSError as other:  # it is gone meanwhile
        return _unusable_file(path, other)
    if regular and not data.strip():
        return _problem(_CERT_FILE, path, words("which is empty"))
    if data[:2] == b"\x30\x82":  # a long DER sequence, as each certificate is
        return _problem(
            _CERT_FILE,
            path,
            words("which is in DER, and has to be in PEM"),
            words("convert it: openssl x509 -inform der -in FILE -out FILE.pem"),
        )
    if b"-----BEGIN CERTIFICATE-----" in data:
        return _problem(
            _CERT_FILE,
            path,
            words("in which a certificate is damaged (OpenSSL: {why})", why=_reason(exc)),
        )
    return _problem(_CERT_FILE, path, words("which has no certificate in it"))


def _reason(exc: ssl.SSLError) -> str:
    return exc.reason or "PEM"


def _problem(name: str, path: str, why: Words, remedy: Words | None = None) -> TrustProblem:
    what = words("{name} names {path!r}, {why}", name=name, path=shown_text(path), why=why)
    remedy = remedy or words("correct that variable of the environment, or unset it")
    return TrustProblem(Kind.MISCONFIGURED, what, remedy)


def _exhausted(what: str, exc: OSError) -> TrustProblem:
    why, remedy = exhaustion(exc)
    what_and_why = words("{what} cannot be used: {why}", what=shown_text(what), why=why)
    return TrustProblem(Kind.EXHAUSTED, what_and_why, remedy)
