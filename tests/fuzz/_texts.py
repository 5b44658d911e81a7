"""Readers of settings, and of single values in what a peer says: no network, no clock."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from functools import cache
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import trio

from trio_wsproxy import HandshakeError, Proxy, ProxyConfigError, ServerRejected
from trio_wsproxy._auth import (
    MAX_ROUNDS,
    Authentication,
    ProxyAuthRequest,
    from_url,
    parse_challenges,
)
from trio_wsproxy._auth._challenges import parse_parameters
from trio_wsproxy._client._redirects import read_redirect
from trio_wsproxy._http import refused_by_proxy, refused_by_server
from trio_wsproxy._redaction import (
    shown_bytes,
    shown_head_lines,
    shown_page,
    shown_problem,
    shown_setting,
    shown_text,
    shown_url,
)
from trio_wsproxy._report._certificates import read_certificate
from trio_wsproxy._routing import parse_bypass
from trio_wsproxy._routing._netrc import netrc_credentials
from trio_wsproxy._transport._channel_binding import server_end_point
from trio_wsproxy._urls import Target, parse_target
from trio_wsproxy._urls._targets import parse_tcp_target

from ._reader import SECRET, SIZE, Reader, fields, holds, pump, shown, told

MOST_LINES = 4 * 64 * 1024  # characters of a head of 64 KiB, escaped
_HOST = re.compile(r"[a-z0-9_.:-]+(?:%[A-Za-z0-9._~%-]+)?")  # with a zone, or without


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def _with_secret(data: bytes) -> str:
    """Three fields are what stands around a user name and a secret; one is a text as it is.

    What surrounds a secret may not end it, or make a user name of it; blanks end it in words.
    """
    if b"\0" not in data:
        return _text(data)
    before, inside, after = (_text(part) for part in fields(data, 3))
    inside = "".join(inside.split()).replace("@", "").replace(":", "")
    scheme = before.replace("@", "").partition("//")[0][:12]
    return f"{scheme}//ada:{inside}{SECRET}{inside[::-1]}@{after}"


# --- URLs ---------------------------------------------------------------------------------


def read_targets(data: bytes) -> None:
    """A target's URL is read or refused; what is read can be read again, and means the same."""
    text = _with_secret(data)
    for parse in (parse_target, parse_tcp_target):
        try:
            target = parse(text)
        except ValueError as exc:
            shown(told(exc))
            continue
        shown((str(target), repr(target), target.url), most=200_000)
        _look_at_target(text, target)


def _look_at_target(text: str, target: Target) -> None:
    holds(_is_host(target.host), f"a host {target.host!r}")
    holds(1 <= target.port <= 65535, f"a port {target.port}")
    if target.scheme in ("ws", "wss") and len(target.resource) < SIZE // 2:  # encoded, it grows
        holds(target.resource.isascii() and " " not in target.resource, "a resource not encoded")
        again = parse_target(f"{target.scheme}://{target.authority}{target.resource}")
        same = (again.host, again.port, again.resource)
        host = target.host.partition("%")[0]
        holds(same == (host, target.port, target.resource), f"read again it is {again!r}")
    if text.isascii() and "%" not in text:
        # Where two readers of one URL see two hosts, one of them can be led astray.
        try:
            theirs = urlsplit(text.strip(" ")).hostname
        except ValueError:  # it judges brackets in a password, too
            return
        holds(theirs is not None, "urllib sees no host")
        ours = target.host
        holds(
            theirs is None or ours.strip(".") in (theirs.strip("."), _address(theirs)), f"{theirs}"
        )


def _address(text: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        return text


def read_proxies(data: bytes) -> None:
    """A proxy's URL is read or refused, and neither shows its password."""
    text = _with_secret(data)
    try:
        proxy = Proxy(text)
    except ProxyConfigError as exc:
        shown(told(exc))
        return
    shown((str(proxy), repr(proxy)))
    holds(_is_host(proxy.host), f"a host {proxy.host!r}")
    holds(1 <= proxy.port <= 65535, f"a port {proxy.port}")


_TARGETS = tuple(
    map(parse_target, ("ws://a.test", "wss://b.a.test:8443", "ws://10.1.2.3", "ws://[fd00::1%25x]"))
)


def read_no_proxy(data: bytes) -> None:
    """A list of exceptions, of the environment and of a system, is read and asked."""
    text = _with_secret(data)
    for system in (False, True):
        bypass = parse_bypass(text, system=system)
        for target in _TARGETS:
            bypass.find(target)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-netrc-"))


def read_netrc(data: bytes) -> None:
    """A netrc is read or refused, and what it has for others is not told."""
    path = _folder() / f"netrc-{os.getpid()}"
    path.write_bytes(data)
    path.chmod(0o600)
    with mock.patch.dict(os.environ, {"NETRC": str(path)}):
        try:
            trio.run(netrc_credentials, "proxy.test")
        except ProxyConfigError as exc:
            shown(told(exc))
        finally:
            path.unlink()


def read_redirects(data: bytes) -> None:
    """A ``Location`` is followed or refused; nothing leads out of TLS, and no secret is told."""
    secure = data[:1] > b"\x7f"
    scheme = "wss" if secure else "ws"
    target = parse_target(f"{scheme}://ada:{SECRET}@a.test/b/c?d")
    refusal = ServerRejected(302, ((b"location", data[1:]),), b"", url=target.url)
    try:
        redirect = read_redirect(target, refusal)
    except HandshakeError as exc:
        shown(told(exc))
        return
    if redirect is None:
        return
    new = redirect.target
    holds(new.secure or not secure, "a redirect leaves TLS")
    holds(redirect.same_origin or new.password != SECRET, "another origin gets the password")
    holds(_is_host(new.host), f"a host {new.host!r}")


# --- what peers say -----------------------------------------------------------------------


def read_challenges(data: bytes) -> None:
    """Challenges are read, at most 32, and an answer to them has no password in it."""
    values = data.split(b"\n")
    challenges = parse_challenges(values)
    holds(len(challenges) <= 32, "too many challenges")
    for challenge in challenges:
        holds(challenge.scheme.isascii() and " " not in challenge.scheme, "a scheme is no token")
    for value in values[:4]:
        parse_parameters(value.decode("latin-1"))
    request = ProxyAuthRequest("CONNECT", "echo.test:443", "proxy.test", 3128)
    authentication = Authentication(from_url("ada", SECRET), request)

    async def answer() -> None:
        for _ in range(MAX_ROUNDS):
            try:
                if not await authentication.answer(challenges):
                    return
            except ProxyConfigError as exc:  # a value that would break out of its header
                shown(told(exc))
                return
            said = authentication.value or b""
            holds(SECRET.encode() not in said, "a password goes out as it is")
            holds(not {10, 13, 0} & set(said), "a value breaks out of its header")
            authentication.rounds += 1

    trio.run(answer)


def read_certificates(data: bytes) -> None:
    """A certificate is read, or is none; what binds to it is a hash, or nothing."""
    binding = server_end_point(data)
    holds(binding is None or 21 + 28 <= len(binding) <= 21 + 64, "a binding of another length")
    try:
        certificate = read_certificate(data)
    except ValueError as exc:
        shown(told(exc))
        return
    shown(certificate.details().values())


def read_hints(data: bytes) -> None:
    """What a refusal proves is said in words that are fit to be shown."""
    status, name, value, body = fields(data, 4)
    code = 300 + (status[0] if status else 0)
    headers = ((name.lower(), value), (b"x-squid-error", value))
    texts = [str(refused_by_proxy(code, "echo.test:443", headers[1:], body))]
    for url in ("ws://echo.test/a", "wss://echo.test/a"):
        for given in (headers[:1], headers):
            texts.append(str(refused_by_server(url, code, given, body) or ""))
            texts.append(str(ServerRejected(code, given, body, url=url)))
    shown(texts, most=2000)


def read_redaction(data: bytes) -> None:
    """All that masks takes any text, and shows no password of a URL."""
    text = _with_secret(data)
    shown((shown_page(text), shown_problem(text)))
    shown((shown_text(text.replace(SECRET, "")),))  # for words that are known to have none
    shown((shown_bytes(data, 100),))
    shown((shown_url(text), shown_setting(text)), most=8 * 4096)
    shown(shown_head_lines(b"HTTP/1.1 200 OK\r\nX: " + data), most=MOST_LINES)


@cache
def _der() -> bytes:
    import trustme  # takes a while, and only the seeds need it

    pem = trustme.CA(organization_name="Müller").issue_cert("a.test").cert_chain_pems[0].bytes()
    return ssl.PEM_cert_to_DER_cert(pem.decode())


_AWKWARD = (
    b"a",
    b"//",
    b"//::::",
    b"@",
    b"%40",
    b":1:",
    b"?",
    b"[",
    b"http://",
    b"\\",
    b'"\\',
    b" ",
)
_PARTS = (
    *(b"ws://", b"wss://", b"http://", b"socks5h://", b"tcp://", b"a.test", b":80", b":99999"),
    *(b"u:p@", b"[::1]", b"[fe80::1%25eth0]", b"127.0.0.1", b"%2f", b"%", b"\\", b"/", b"?", b"#"),
    *(b"\0", b"xn--", b"\xc3\xa4", b"\xff", b".", b"*", b",", b" ", b"\xe2\x80\xae"),
)
_URLS = (
    b"ws://a.test/b?c",
    b"wss://[::1%25x]:8443/",
    b"tls://a.test:443",
    "http://ä.test:3128".encode(),
    b"socks5h://u%40x:p@a.test.",
    b"a.test:3128:u:p",
    b"ws://good\\@evil/",
    b"http:/p:3128",
    b"ws:\0pa/ss\0a.test",
    b"http:\0\\\0a.test:0/x?y#z",
    b"ws:/\0\x01\n\\\0",
)

TARGETS = Reader("targets", read_targets, (*_URLS, *(pump(b"ws:/", x) for x in _AWKWARD)), _PARTS)
PROXIES = Reader("proxies", read_proxies, (*_URLS, *(pump(b"http:", x) for x in _AWKWARD)), _PARTS)
NO_PROXY = Reader(
    "no_proxy",
    read_no_proxy,
    (
        b"localhost,.a.test,10.0.0.0/8 fd00::/8,[::1]:80,*.x,<local>;<-loopback>",
        b"172.19.0.0/40;\\\\server;http://*.corp/,${NO},:8080,10.0.0.1-10.0.0.9",
        *(pump(b"", x) for x in (*_AWKWARD, b"a,", b"*a", b"1.", b"::", b"10.0.0.0/8,")),
    ),
    (*_PARTS, b";", b"/8", b"10.", b"::", b"<local>"),
    16 * 1024,  # each entry costs some microseconds, and both kinds of list are read
)
NETRC = Reader(
    "netrc",
    read_netrc,
    (
        b"machine proxy.test login ada password s3cReT77\n",
        b'default login "a b" password "s3cReT77\\""\n',
        b"macdef x\nsome\n\nmachine proxy.test account a\n# s3cReT77",
        b"machine \xff login s3cReT77",
        pump(b"", b"machine m login l password s3cReT77\n"),
        *(pump(b"machine ", x) for x in (b'"', b"\\", b"a ", b"\n", b"#")),
    ),
    (b"machine ", b"login ", b"password ", b"default ", b"macdef ", b"account ", b"\n", b'"', b"#"),
)
REDIRECTS = Reader(
    "redirects",
    read_redirects,
    (
        *(first + url for url in _URLS for first in (b"\0", b"\xff")),
        b"\0/x",
        b"\0//b.test",
        b"\xffhttp://a.test/",
        b"\0http://127.0.0.1/",
        *(pump(b"\0//", x) for x in _AWKWARD),
    ),
    (*_PARTS, b"https:", b"../"),
)
CHALLENGES = Reader(
    "challenges",
    read_challenges,
    (
        b'Basic realm="x", charset="UTF-8"',
        b'Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256, opaque="\\"o"',
        b"Negotiate TlRMTVNTUAAC==\nNTLM, Basic",
        b'Digest realm="r",nonce="n", stale=true\nnextnonce="x", rspauth="y"',
        *(pump(b"", x) for x in (b'"\\', b"a ", b"a=b,", b",", b'"', b"a=", b"Basic,", b"==")),
        *(pump(b"Digest ", x) for x in (b'"\\', b"a ", b'a="', b",", b'="\\"', b"a =")),
    ),
    (
        b"Basic ",
        b"Digest ",
        b"NTLM ",
        b"realm=",
        b"nonce=",
        b"qop=auth",
        b'"',
        b"\\",
        b"=",
        b",",
        b"\n",
    ),
)
HINTS = Reader(
    "hints",
    read_hints,
    (
        b"\x67\0via\x001.1 x (squid/6)\0<html><title>See http://u:p@h/?q &lt;b&gt;</title>",
        b"\x64\0server\0nginx\x00400 The plain HTTP request was sent to HTTPS port",
        b"\x02\0location\0https://echo.test/a\0",
        b"\x67\0x-squid-error\0ERR_ACCESS_DENIED 0\0",
        b'\x64\0content-type\0application/json\0{"error": "upgrade required", "token": "x"}',
        pump(b"\x67\0via\0x\0", b"<title>"),
        pump(b"\x67\0via\0x\0", b"<title x"),
        pump(b"\x64\0via\0x\0", b"plain HTTP request "),
        pump(b"\x02\0location\0", b"https://["),
    ),
    (
        b"\0",
        b"<title>",
        b"</title>",
        b"location",
        b"https://",
        b"squid",
        b"&#x1b;",
        b"&lt;",
        b"upgrade",
    ),
)
REDACTION = Reader(
    "redaction",
    read_redaction,
    (
        *_URLS,
        *(
            pump(b"", x)
            for x in (*_AWKWARD, b"a:", b"http://[", b"\n", b"a:b\n", b"token", b"location:?")
        ),
    ),
    (*_PARTS, b"\n", b"Location: ", b"Set-Cookie: ", b"negotiate "),
)


def certificates() -> Reader:
    """A reader whose seeds take a while to be made."""
    der = _der()
    return Reader(
        "certificates", read_certificates, (der, der[:100], der[4:], pump(b"\x30\x82", b"\x30\0"))
    )
