"""A company's network by variables alone: programs that know of no proxy, and the command line.

Each runs as a process of its own in an environment that says all there is to say. What it was
taken for, and that it has gone through the proxy, is read in squid's log.
"""

from __future__ import annotations

import importlib.util
import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
import trio
import trustme
from _binding import BindingProxy, expected, serving
from _challenging import PASSWORD, REALM, USER, Challenging
from _proxies import SQUID_NAME, RealProxy, missing, reserved_port
from _typed import NOT_OURS
from _wire import ntlm_users
from cryptography import x509

from trio_wsproxy.testing import open_echo_server

ROOT = Path(__file__).parent.parent.parent
PROGRAM = [sys.executable, str(Path(__file__).with_name("_unaware.py"))]
COMMAND = [sys.executable, "-m", "trio_wsproxy"]


def need_kerberos() -> None:
    """Skip the test unless pyspnego has its Kerberos part."""
    for module in ("spnego", "gssapi", "krb5"):
        if importlib.util.find_spec(module) is None:
            missing(f"{module}, of pyspnego[kerberos], is not installed")


class Ended(NamedTuple):
    """What came of a process."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """What it said last: the last line of a traceback, the message of a command."""
        return self.err.strip().rpartition("\n")[2]


async def run(
    command: list[str], variables: Mapping[str, str], home: Path, stdin: bytes = b""
) -> Ended:
    """Run something with these variables, and none about proxies but them."""
    own = {name: value for name, value in os.environ.items() if not NOT_OURS.fullmatch(name)}
    done = await trio.run_process(
        command,
        stdin=stdin,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env={
            **own,
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            **variables,
        },
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def at(proxy: RealProxy, userinfo: str) -> str:
    """The proxy's URL as a user writes it, with the name that Kerberos knows it by."""
    return f"{proxy.schemes[0]}://{userinfo}localhost:{proxy.port}"


def tunnels(proxy: RealProxy) -> list[str]:
    """For whom a port of squid has opened a tunnel, ``-`` where it has asked nobody."""
    lines = [line.split() for line in proxy.daemon.text().splitlines()]
    return [line[-1] for line in lines if line[0] == str(proxy.port) and "/200" in line[1]]


def refusals(proxy: RealProxy) -> int:
    """How often a port of squid has said 407."""
    return len(re.findall(rf"^{proxy.port} \S+/407 ", proxy.daemon.text(), re.MULTILINE))


class Setting(NamedTuple):
    """What a user writes, and whom squid takes him for."""

    port: str
    userinfo: str
    user: str
    ticket: bool = False
    schemes: str = ""


# Samba knows bob, and the files of passwords do not: Basic, which is sent unasked, is refused to him.
SETTINGS = {
    "basic": Setting("basic", f"{USER}:{PASSWORD}@", USER),
    "basic, utf-8": Setting("basic", "j%C3%BCrgen:p%C3%A4ss%3Aw%C3%B6rd@", "jürgen"),
    "digest": Setting("digest", f"{USER}:{PASSWORD}@", USER),
    "ntlm": Setting("ntlm", f"bob:{PASSWORD}@", r"\bob"),
    "ntlm, domain": Setting("ntlm", f"CORP%5Cbob:{PASSWORD}@", r"CORP\bob"),
    "ntlm, domain as it is": Setting("ntlm", f"CORP\\bob:{PASSWORD}@", r"CORP\bob"),
    "ntlm over tls": Setting("ntlm-tls", f"CORP%5Cbob:{PASSWORD}@", r"CORP\bob"),
    "single sign-on": Setting("negotiate", ":@", f"{USER}@{REALM}", ticket=True),
    "single sign-on over tls": Setting("negotiate-tls", ":@", f"{USER}@{REALM}", ticket=True),
    "single sign-on, named": Setting(
        "all", "", f"{USER}@{REALM}", ticket=True, schemes="negotiate"
    ),
    "kerberos, password": Setting(
        "negotiate", f"{USER}%40{REALM}:{PASSWORD}@", f"{USER}@{REALM}", schemes="negotiate"
    ),
    "ntlm of several": Setting("all", f"CORP%5Cbob:{PASSWORD}@", r"CORP\bob", schemes="ntlm,basic"),
}


def variables_of(squid: Challenging, name: str) -> dict[str, str]:
    """What a user exports."""
    setting = SETTINGS[name]
    proxy = squid.proxies[setting.port]
    variables = {**(squid.ticket if setting.ticket else squid.no_ticket)}
    variables["https_proxy"] = at(proxy, setting.userinfo)
    if setting.schemes:
        variables["TRIO_WSPROXY_AUTH"] = setting.schemes
    if proxy.ca_pem is not None:
        variables["SSL_CERT_FILE"] = str(proxy.ca_pem)
    return variables


@pytest.mark.parametrize("name", SETTINGS)
async def test_variables_alone(squid: Challenging, tmp_path: Path, name: str) -> None:
    """What stands in variables is enough for each scheme, in a program and on the command line."""
    if SETTINGS[name].port not in ("basic", "digest"):
        need_kerberos()
    proxy = squid.proxies[SETTINGS[name].port]
    async with open_echo_server() as server:
        url, authority = server.url_for(SQUID_NAME), f"{SQUID_NAME}:{server.port}"
        variables = variables_of(squid, name)
        before = len(tunnels(proxy))
        async with proxy.carries(authority, times=2):
            assert await run([*PROGRAM, url, url], variables, tmp_path) == (0, "hello\nhello\n", "")
    assert tunnels(proxy)[before:] == [SETTINGS[name].user] * 2


@pytest.mark.parametrize("name", ["basic", "ntlm, domain", "single sign-on, named"])
async def test_command_line(squid: Challenging, tmp_path: Path, name: str) -> None:
    """The command line goes by the same variables; what they say may stand in its options, too."""
    need_kerberos()
    proxy, setting = squid.proxies[SETTINGS[name].port], SETTINGS[name]
    user, _, password = unquote(setting.userinfo.rstrip("@")).partition(":")
    secrets = {"TRIO_WSPROXY_PROXY_PASSWORD": password} if password else {}
    options = ["--proxy", at(proxy, ""), "--proxy-user", user or ":"]
    options += ["--proxy-auth", setting.schemes or setting.port]
    async with open_echo_server() as server:
        url, authority = server.url_for(SQUID_NAME), f"{SQUID_NAME}:{server.port}"
        variables = variables_of(squid, name)
        before = len(tunnels(proxy))
        async with proxy.carries(authority, times=2):
            one = await run([*COMMAND, "connect", url], variables, tmp_path, b"hello\n")
            del variables["https_proxy"]
            variables.pop("TRIO_WSPROXY_AUTH", None)
            command = [*COMMAND, "connect", *options, url]
            two = await run(command, {**variables, **secrets}, tmp_path, b"hello\n")
    assert one == two == (0, "hello\n", "")
    assert tunnels(proxy)[before:] == [setting.user] * 2


@pytest.mark.parametrize(("port", "command"), [("basic", PROGRAM), ("ntlm", [*COMMAND, "connect"])])
async def test_wrong_password(
    squid: Challenging, tmp_path: Path, port: str, command: list[str]
) -> None:
    """A wrong one is told with the variable that it stands in, and not shown."""
    need_kerberos()
    variables = {"https_proxy": at(squid.proxies[port], "bob:wr0ng@")}
    ended = await run([*command, f"ws://{SQUID_NAME}:9/"], variables, tmp_path)
    assert ended.code == 1
    told = " ".join(ended.err.split())
    assert "from environment variable https_proxy" in told
    assert "it refuses these credentials" in told
    assert "wr0ng" not in ended.out + ended.err


async def test_without_the_extra(squid: Challenging, tmp_path: Path) -> None:
    """What is not installed is named where nothing else serves, with the line that installs it."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['spnego'] = None\n")
    variables = {
        "https_proxy": at(squid.proxies["ntlm"], f"bob:{PASSWORD}@"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
    }
    ended = await run([*PROGRAM, f"ws://{SQUID_NAME}:9/"], variables, tmp_path)
    assert ended.code == 1
    assert "NTLM needs pyspnego (pip install pyspnego)" in ended.error
    assert PASSWORD not in ended.err


async def test_no_ticket(squid: Challenging, tmp_path: Path) -> None:
    """Without a ticket the error says so, and how to look."""
    need_kerberos()
    variables = {**squid.no_ticket, "https_proxy": at(squid.proxies["negotiate"], ":@")}
    ended = await run([*PROGRAM, f"ws://{SQUID_NAME}:9/"], variables, tmp_path)
    assert ended.code == 1
    assert "Negotiate failed on this machine" in ended.error
    assert "get a ticket with kinit, unless klist shows one" in ended.error


async def test_unknown_scheme(squid: Challenging, tmp_path: Path) -> None:
    """A scheme that nobody knows is told with the variable, and with those that are known."""
    url = f"ws://{SQUID_NAME}:9/"
    proxy = at(squid.proxies["all"], f"{USER}:{PASSWORD}@")
    program = await run(
        [*PROGRAM, url], {"https_proxy": proxy, "TRIO_WSPROXY_AUTH": "ntml"}, tmp_path
    )
    assert "environment variable TRIO_WSPROXY_AUTH: 'ntml' is no scheme" in program.error
    assert "use one or several of negotiate, ntlm, digest, basic" in program.error
    option = await run([*COMMAND, "check", "--proxy-auth", "ntml", url], {}, tmp_path)
    assert option.code == 2
    assert "use one or several of negotiate, ntlm, digest, basic" in " ".join(option.err.split())


async def test_no_proxy(squid: Challenging, tmp_path: Path) -> None:
    """What no_proxy covers is reached directly, whatever else is set; the rest through the proxy."""
    proxy = squid.proxies["basic"]
    variables = {"all_proxy": at(proxy, f"{USER}:{PASSWORD}@"), "no_proxy": "127.0.0.1,.corp"}
    async with open_echo_server() as server:
        async with proxy.carries(f"{SQUID_NAME}:{server.port}"):
            urls = server.url_for("127.0.0.1"), server.url_for(SQUID_NAME)
            assert await run([*PROGRAM, *urls], variables, tmp_path) == (0, "hello\nhello\n", "")
        assert proxy.count(server.authority) == 0


@pytest.mark.parametrize("right", [True, False], ids=["its certificate", "another"])
async def test_channel_binding(tmp_path: Path, right: bool) -> None:
    """A proxy with TLS that demands its own certificate's hash gets it; another one's is refused."""
    need_kerberos()
    authority = trustme.CA()
    own, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.configure_cert(context)
    pem = (own if right else other).cert_chain_pems[0].bytes()
    proxy = BindingProxy([context], [expected(x509.load_pem_x509_certificate(pem))])
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ntlm_users("CORP\\ada", PASSWORD):
        async with open_echo_server() as server, serving(proxy):
            variables = {
                "https_proxy": f"https://CORP%5Cada:{PASSWORD}@localhost:{proxy.port}",
                "no_proxy": "<-loopback>",
                "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            }
            ended = await run([*PROGRAM, server.url], variables, tmp_path)
    assert (ended.code, ended.out) == ((0, "hello\n") if right else (1, ""))
    assert bool(proxy.refused) is not right
    assert right or "it refuses these credentials" in ended.error


async def test_pac(squid: Challenging, tmp_path: Path) -> None:
    """A PAC script names the proxies, one of which is dead, and a ticket opens the other."""
    need_kerberos()
    pytest.importorskip("quickjs")
    proxy = squid.proxies["all"]
    with reserved_port() as dead:
        answer = f"PROXY localhost:{dead}; PROXY localhost:{proxy.port}"
        (tmp_path / "proxy.pac").write_text(
            f"function FindProxyForURL(url, host) {{ return '{answer}'; }}", encoding="utf-8"
        )
        variables = {
            **squid.ticket,
            "TRIO_WSPROXY_PAC": (tmp_path / "proxy.pac").as_uri(),
            "TRIO_WSPROXY_AUTH": "negotiate",
        }
        async with open_echo_server() as server:
            async with proxy.carries(f"{SQUID_NAME}:{server.port}"):
                ended = await run([*PROGRAM, server.url_for(SQUID_NAME)], variables, tmp_path)
    assert ended == (0, "hello\n", "")
    assert tunnels(proxy)[-1] == f"{USER}@{REALM}"


async def test_inspecting_proxy(squid: Challenging, tmp_path: Path) -> None:
    """A proxy that looks into TLS is trusted by SSL_CERT_FILE, and blamed by name without it."""
    proxy = squid.proxies["inspecting"]
    context = server_context(squid)
    async with open_echo_server(ssl_context=context) as server:
        url = server.url_for(SQUID_NAME)
        variables = {"https_proxy": at(proxy, "")}
        refused = await run([*PROGRAM, url], variables, tmp_path)
        variables["SSL_CERT_FILE"] = str(squid.company_pem)
        trusted = await run([*PROGRAM, url], variables, tmp_path)
    assert trusted == (0, "hello\n", "")
    assert refused.code == 1
    assert "its certificate was refused" in refused.error
    assert "SSL_CERT_FILE" in refused.error


def server_context(squid: Challenging) -> ssl.SSLContext:
    """The TLS of a server that the inspecting proxy trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    squid.servers.issue_cert(SQUID_NAME).configure_cert(context)
    return context
