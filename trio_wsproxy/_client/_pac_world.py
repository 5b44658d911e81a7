"""What a PAC script needs of the world: its text, the addresses of names, this machine's own.

Its text comes over HTTP, with a request and an answer on one connection; out of a file, read in a
thread; or it was given. Nothing of it goes through a proxy, for which one is what the script decides.
Whatever is wrong is an :class:`Unloadable`, which says what and, where we know, what to try.
"""

from __future__ import annotations

import codecs
import os
import re
import socket
import ssl
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, urljoin

import h11
import trio

from trio_wsproxy._auth import basic
from trio_wsproxy._exceptions import HandshakeError, ProxyUnreachable, failure_of
from trio_wsproxy._failures import Kind, words
from trio_wsproxy._redaction import secret, shown_page, shown_problem, shown_text, shown_url
from trio_wsproxy._report import StageLog
from trio_wsproxy._routing import PAC, Route
from trio_wsproxy._routing._pac import Unloadable, World
from trio_wsproxy._routing._pac_value import MAX_SCRIPT
from trio_wsproxy._threads import Workers
from trio_wsproxy._transport import HTTP_1_1, DialOptions, dial, look_up
from trio_wsproxy._urls import Target, parse_target
from trio_wsproxy._version import VERSION

LOAD_PATIENCE = 30.0  # seconds for a script, where the caller has more; a portal may never answer
MAX_REDIRECTS = 5
RECEIVE_SIZE = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
# Addresses of public name servers, which routing tables have a way to. Nothing is sent there: a UDP
# socket that is connected knows the address that it would send from.
_FAR_AWAY = ((socket.AF_INET, "8.8.8.8"), (socket.AF_INET6, "2001:4860:4860::8888"))
# Charsets that decode in linear time and are text; of all others the script is tried as UTF-8.
_CHARSETS = re.compile(
    r"utf-?8|utf-?16(-?[lb]e)?|us-ascii|iso-?8859-?\d{1,2}|latin-?1|windows-125\d|cp125\d|koi8-[ru]"
    r"|shift_jis|euc-jp|euc-kr|gbk|gb2312|gb18030|big5",
    re.IGNORECASE,
)
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_FILES = Workers("PAC files", awaited=2, most=8)


def world() -> World:
    """Give the real one."""
    return World(load=_load, look_up=_look_up, own=_own_addresses)


# --- names -------------------------------------------------------------------------------


async def _look_up(name: str) -> tuple[str, ...]:
    try:
        infos = await look_up(name, 0)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in infos))


async def _own_addresses() -> tuple[str, ...]:
    found = []
    for family, far_away in _FAR_AWAY:
        try:
            with trio.socket.socket(family, socket.SOCK_DGRAM) as sock:
                await sock.connect((far_away, 53))
                found.append(str(sock.getsockname()[0]).partition("%")[0])
        except OSError:  # no way there
            continue
    return tuple(found)


# --- loading -----------------------------------------------------------------------------


async def _load(pac: PAC) -> str:
    scheme = pac.source.partition("://")[0].lower()
    if scheme not in ("http", "https"):
        return _decoded(await _read_file(pac.source), None)
    with trio.move_on_after(LOAD_PATIENCE):
        data, charset = await _fetch(pac)
        return _decoded(data, charset)
    why = words("it did not come within {seconds:g} s", seconds=LOAD_PATIENCE)
    raise Unloadable(why, error=ProxyUnreachable, kind=Kind.TIMED_OUT)


def _decoded(data: bytes, charset: str | None) -> str:
    """Make text of a script, which nothing keeps from being ISO-8859-1 in the end."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(name, "replace")
    names = [charset] if charset and _CHARSETS.fullmatch(charset) else []
    for name in [*names, "utf-8"]:
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


_TOO_LONG = words("it is longer than {limit:,} bytes", limit=MAX_SCRIPT)


async def _read_file(source: str) -> bytes:
    path, problem = _path_of(source), ""
    try:
        data = await _FILES.run(lambda: _contents(path))
    except (OSError, ValueError) as exc:  # a NUL in its name
        problem = getattr(exc, "strerror", None) or str(exc)
    if problem:
        slip = path == source and not os.path.isabs(path)  # noqa: PTH117  # likewise
        remedy = words("is its address right? A URL begins with http://") if slip else None
        raise Unloadable(words("{problem}", problem=shown_text(problem)), remedy or _RIGHT_ADDRESS)
    if len(data) > MAX_SCRIPT:
        raise Unloadable(_TOO_LONG)
    return data


def _path_of(source: str) -> str:
    """Read a file URL (RFC 8089), with two slashes or with none; what is none is a path."""
    if source[:5].lower() != "file:":
        return source
    machine, slash, path = "", "", source[5:]
    if path.startswith("//"):
        machine, slash, path = path[2:].partition("/")
    if machine.lower() not in ("", "localhost"):
        raise Unloadable(words("it is a file of another machine"), words("use http://"))
    path = slash + unquote(path)
    return path[1:] if os.name == "nt" and re.match(r"/[A-Za-z]:", path) else path


def _contents(path: str) -> bytes:
    """Read a file; opening what is none may wait for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  # a setting, not a path of ours
        raise ValueError("it is no regular file")
    with open(path, "rb") as file:  # noqa: PTH123  # likewise
        return file.read(MAX_SCRIPT + 1)


_RIGHT_ADDRESS = words("is its address right?")


async def _fetch(pac: PAC) -> tuple[bytes, str | None]:
    """Get a script by HTTP, following redirects; its charset, too."""
    url = secret(pac.source)
    for _ in range(MAX_REDIRECTS + 1):
        answer = await _get(url, pac.ssl_context)
        if not isinstance(answer, str):
            return answer
        following = secret("")
        with suppress(ValueError):  # of urllib's, for brackets
            following = secret(urljoin(url, answer))
        if not following.lower().startswith(("http://", "https://")):
            raise Unloadable(words("it redirects to {url}", url=shown_url(following or answer)))
        if url.lower().startswith("https://") and following.lower().startswith("http://"):
            raise Unloadable(words("it redirects from https:// to {url}", url=shown_url(following)))
        url = following
    raise Unloadable(words("it redirects more than {n} times", n=MAX_REDIRECTS))


def _server(url: str) -> Target:
    """Read the URL as that of a WebSocket, which has the same syntax."""
    secure = url[:6].lower() == "https:"
    ours = secret(("wss" if secure else "ws") + url[url.index(":") :].partition("#")[0])
    with suppress(ValueError):
        return parse_target(ours)
    raise Unloadable(words("the URL {url} is malformed", url=shown_url(url)), _RIGHT_ADDRESS)


async def _get(url: str, context: ssl.SSLContext | None) -> tuple[bytes, str | None] | str:
    """Ask once; the script with its charset, or where it redirects to."""
    target = _server(url)
    context = context if target.secure else None
    problem: Unloadable | None = None
    cause: BaseException | None = None
    try:
        way = Route((), target, "direct")
        stream = await dial(way, DialOptions(), StageLog(), ssl_context=context, alpn=HTTP_1_1)
    except HandshakeError as exc:
        failure = failure_of(exc)
        what = failure.what if failure else words("{error}", error=str(exc))
        remedy = failure.remedy if failure else None
        kind = failure.kind if failure else Kind.NO_CONNECTION
        problem, cause = Unloadable(what, remedy, ProxyUnreachable, kind), exc
    else:
        try:
            return await _exchange(stream, target)
        except (trio.BrokenResourceError, h11.RemoteProtocolError) as exc:
            why = shown_problem(exc) or "the connection broke"
            what = words("its server broke off or speaks no HTTP ({why})", why=why)
            problem = Unloadable(what, error=ProxyUnreachable, kind=Kind.CUT_OFF)
        finally:
            await trio.aclose_forcefully(stream)
    raise problem from cause


def _request(target: Target) -> h11.Request:
    headers = [
        ("Host", target.host_header),
        ("User-Agent", f"trio_wsproxy/{VERSION}"),
        ("Accept", "application/x-ns-proxy-autoconfig, */*;q=0.8"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if target.username is not None:
        headers.append(("Authorization", secret(basic(target.username, target.password or ""))))
    return h11.Request(method="GET", target=target.resource, headers=headers)


async def _exchange(stream: trio.abc.Stream, target: Target) -> tuple[bytes, str | None] | str:
    http = h11.Connection(h11.CLIENT)
    out = (http.send(_request(target)) or b"") + (http.send(h11.EndOfMessage()) or b"")
    await stream.send_all(secret(out))
    del out
    head: h11.Response | None = None
    body = Body()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            data = bytes(await stream.receive_some(RECEIVE_SIZE))
            if not data and head is None:  # h11 would tell of its own states
                raise _no_answer(http.trailing_data[0])
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
            location = _judged(event, target)
            if location is not None:
                return location
            body = Body(next(_values(event, b"content-encoding"), ""))
        elif isinstance(event, h11.Data):
            body.add(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None  # h11 gives no end before it
            kind = next(_values(head, b"content-type"), "")
            charset = _CHARSET.search(kind)
            return body.whole(), charset[1] if charset else None
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise _broke_off()


def _no_answer(said: bytes) -> Unloadable:
    """Say what a server has said that hung up before it had answered."""
    what = words("its server closed the connection without an answer")
    if said:
        start = shown_page(said[:200].decode("latin-1").strip(), 40)
        what = words("its server speaks no HTTP (it said {start!r})", start=start)
    return Unloadable(what, _RIGHT_ADDRESS, ProxyUnreachable, Kind.CUT_OFF)


def _broke_off() -> Unloadable:
    return Unloadable(words("its server broke off"), error=ProxyUnreachable, kind=Kind.CUT_OFF)


class Body:
    """The script as it comes in, packed or not; not more than it may have is ever in memory.

    Args:
      encoding: ``Content-Encoding`` of the answer. Nothing packed was asked for, but servers of files
        have it packed beside the file, and some send nothing else.

    """

    def __init__(self, encoding: str = "") -> None:
        encoding = encoding.strip().lower()
        self._data = bytearray()
        self._unpack = None
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._unpack = zlib.decompressobj(47)  # of gzip or zlib, whatever its head says
        elif encoding not in ("", "identity"):
            raise Unloadable(words("it is packed ({encoding})", encoding=shown_page(encoding)))

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        if self._unpack is not None:
            if self._unpack.eof:  # what is behind it would be kept
                return
            try:
                data = self._unpack.decompress(data, MAX_SCRIPT + 1)
            except zlib.error:
                raise Unloadable(words("what is packed in it is broken")) from None
        self._data += data
        if len(self._data) > MAX_SCRIPT:
            raise Unloadable(_TOO_LONG)

    def whole(self) -> bytes:
        """Give the script when it is all there."""
        if self._unpack is not None and not self._unpack.eof:
            raise _broke_off()
        return bytes(self._data)


def _judged(head: h11.Response, target: Target) -> str | None:
    """Refuse what is no script; give the address of a redirect."""
    status = head.status_code
    if status in _REDIRECTS:
        location = next(_values(head, b"location"), "")
        if location:
            return location
    if status != 200:
        reason = shown_page(bytes(head.reason).decode("latin-1").strip(), 80)
        server = target.authority
        what = words(
            "{server} answered {status}", server=server, status=f"{status} {reason}".rstrip()
        )
        remedy = _RIGHT_ADDRESS
        if status == 401:
            remedy = words("put user:password@ into its URL")
        if status >= 500:
            raise Unloadable(what, remedy, ProxyUnreachable, Kind.REFUSED)
        raise Unloadable(what, remedy)
    length = next(_values(head, b"content-length"), "0")
    if int(length) > MAX_SCRIPT:  # h11 has seen to it that it is a number
        raise Unloadable(_TOO_LONG)
    return None


def _values(head: h11.Response, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for key, value in head.headers if key == name)
