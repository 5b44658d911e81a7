"""Real proxies as test equipment: squid, tinyproxy, dante, OpenSSH, tiny-proxy, proxy.py.

Each program is started once per test session, on loopback, as a child process with a
directory of its own, and ended by its own process id. What a test gets is a
:class:`RealProxy`: one listening port of such a program, with its URL, its credentials, and
the *proof* that traffic went through it, read from the program's own log::

    async def test_something(real: RealProxies) -> None:
        proxy = real["squid-auth"]
        async with proxy.carries(server.authority):
            ...  # connect to server.authority through proxy.url(), and close

How it stays free of races: ports are chosen by the system and stay reserved (bound, but not
listening) for as long as the program runs, so that nobody else is given them; readiness is a
connection that was accepted; and a proof counts the tunnels before and after, because a
test's server may get a port that another test's server had.

A program that is not installed skips the test, and fails it when the environment says
``CI=true``. ``.ci/run`` installs all of them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
import trio
import trustme

START_TIMEOUT = 60.0  # seconds; only there to end a hang, each program takes less than one
LOG_TIMEOUT = 60.0  # seconds; squid writes its line when the tunnel has ended
POLL = 0.01  # seconds; there is nothing else to wait on in another program's file or port

# Where programs for administrators live; a user's PATH may not have them.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])

CREDENTIALS = ("jürgen", "päss:wörd")  # what only UTF-8 and a quoting client get through
ASCII_CREDENTIALS = ("alice", "s3cret")

# A name that squid knows from its own hosts file and nobody else does.
SQUID_NAME = "only-squid-knows.test"

# Dante asks PAM; .ci/run writes this service, and its password file with CREDENTIALS in it.
DANTE_PAM_SERVICE = "trio-wsproxy-test"


def missing(what: str) -> NoReturn:
    """Skip the test because a program is missing; fail it where all must be present."""
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(
            f"{what}; .ci/run sets it up, and CI=true forbids to go on without", pytrace=False
        )
    pytest.skip(f"{what}; .ci/run shows how to set it up")


def program(name: str) -> str:
    """The absolute path of a program, or :func:`missing`."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        missing(f"{name} is not installed")
    return os.path.realpath(path)


def has_ipv6_loopback() -> bool:
    """Whether ``::1`` can be bound: a container often has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def need_ipv6() -> None:
    """Skip the test on a machine without IPv6; no program we could install gives it one."""
    if not HAS_IPV6:
        pytest.skip("this machine has no IPv6 loopback")


HAS_IPV6 = has_ipv6_loopback()
HOSTS = ["127.0.0.1", "::1"] if HAS_IPV6 else ["127.0.0.1"]


# ── what a test sees ──────────────────────────────────────────────────────────────────────


@dataclass
class Daemon:
    """A running program, and the text it has logged so far."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    startup_seconds: float = 0.0
    stop_signal: int = signal.SIGTERM

    def text(self) -> str:
        """Everything logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ask_to_stop(self) -> None:
        """Tell the program to end, and do not wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """End the program and whatever it has started; harmless when it has ended."""
        if self.process.returncode is None:
            self.ask_to_stop()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            # It leads a process group of its own (start_new_session); end stragglers.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


@dataclass
class RealProxy:
    """One listening port of a real proxy.

    Attributes:
      name: The key it has in :class:`RealProxies`.
      schemes: The proxy URL schemes it speaks; the first is the default of :meth:`url`.
      port: Its port, on every one of ``hosts``.
      hosts: The loopback addresses it listens on.
      credentials: User and password it insists on; ``None`` if it wants none. A SOCKS4 user
        id has the password ``""``.
      ca_pem: For an ``https`` proxy, the certificate of the CA that vouches for it
        (``localhost``, ``127.0.0.1`` and ``::1``).
      logs_names: Whether its log has the name it was asked for; otherwise the address.
      no_credentials: What it answers to a client without credentials: the HTTP status;
        ``0xFF`` for a SOCKS5 proxy that accepts no method, the reply code of a SOCKS4 one.
      wrong_credentials: The same for wrong ones; for SOCKS5 the status of RFC 1929.
      refused: What it answers when the target refuses the connection: the HTTP status, or
        the reply code by scheme. ``None`` means it hangs up without an answer.

    """

    name: str
    schemes: tuple[str, ...]
    port: int
    daemon: Daemon
    read_tunnels: Callable[[str], list[str]]
    hosts: list[str] = field(default_factory=lambda: HOSTS)
    credentials: tuple[str, str] | None = None
    ca_pem: Path | None = None
    logs_names: bool = True
    no_credentials: int | None = None
    wrong_credentials: int | None = None
    refused: Mapping[str, int | None] = field(default_factory=dict)

    def url(
        self,
        scheme: str | None = None,
        *,
        host: str = "127.0.0.1",
        credentials: tuple[str, str] | bool | None = True,
    ) -> str:
        """The proxy's URL: with its right credentials, with others, or (``None``) without."""
        pair = self.credentials if credentials is True else credentials or None
        userinfo = ""
        if pair:
            user, password = (urllib.parse.quote(part, safe="") for part in pair)
            userinfo = f"{user}:{password}@" if password else f"{user}@"
        bracketed = f"[{host}]" if ":" in host else host
        return f"{scheme or self.schemes[0]}://{userinfo}{bracketed}:{self.port}"

    def tunnels(self) -> list[str]:
        """The authorities it has opened a tunnel to so far, in the order of its log."""
        return self.read_tunnels(self.daemon.text())

    def count(self, authority: str) -> int:
        """How many tunnels to ``authority`` its log has so far."""
        return sum(authority in self._spellings(tunnel) for tunnel in self.tunnels())

    def seen(self, authority: str, *, times: int = 1) -> bool:
        """Whether its log shows ``times`` tunnels to ``authority``; waits for the line.

        It looks at the whole session, in which a port may have had another owner before, so
        :meth:`carries` proves more. squid and proxy.py write their line when the tunnel has
        ended, the others when it begins: call this after the connection is closed.
        """
        deadline = time.monotonic() + LOG_TIMEOUT
        while self.count(authority) < times:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    @contextlib.asynccontextmanager
    async def carries(self, authority: str, *, times: int = 1) -> AsyncIterator[None]:
        """What happens inside must go through this proxy, or the test fails.

        Exactly ``times`` tunnels to ``authority`` must have been opened in the end; ``0``
        says that none may be. The connection must be closed inside too, for squid and
        proxy.py write their line then. Other tasks go on while the line is awaited. Not
        with the autojump clock, which would jump over the wait.
        """
        before = self.count(authority)
        yield
        with trio.move_on_after(LOG_TIMEOUT):
            while self.count(authority) < before + times:
                await trio.sleep(POLL)
        new = self.count(authority) - before
        assert new == times, (
            f"{self.name} has {new} new tunnels to {authority} in its log, not {times}:\n"
            + self.daemon.text()
        )

    def _spellings(self, logged: str) -> set[str]:
        """The authorities a logged one may have been asked as."""
        if self.logs_names:
            return {logged}
        return {logged, re.sub(r"^(127\.0\.0\.1|\[::1\]):", "localhost:", logged)}


# ── the sets of proxies a test can be parametrized with ───────────────────────────────────

# name → (schemes it speaks, whether it insists on credentials); see the starters below.
PROXIES: dict[str, tuple[tuple[str, ...], bool]] = {
    "squid": (("http",), False),
    "squid-auth": (("http",), True),
    "squid-tls": (("https",), False),
    "squid-tls-auth": (("https",), True),
    "tinyproxy": (("http",), False),
    "tinyproxy-auth": (("http",), True),
    "proxy.py": (("http",), False),
    "proxy.py-auth": (("http",), True),
    "tiny-proxy-http": (("http",), False),
    "tiny-proxy-http-auth": (("http",), True),
    "tiny-proxy-socks4": (("socks4", "socks4a"), False),
    "tiny-proxy-socks4-userid": (("socks4", "socks4a"), True),
    "tiny-proxy-socks5": (("socks5", "socks5h"), False),
    "tiny-proxy-socks5-auth": (("socks5", "socks5h"), True),
    # Dante takes a SOCKS4a request for a SOCKS4 one to the address 0.0.0.1.
    "dante": (("socks4", "socks5", "socks5h"), False),
    "dante-auth": (("socks5", "socks5h"), True),
    "ssh": (("socks4", "socks4a", "socks5", "socks5h"), False),
}

# tiny-proxy splits "[::1]:80" at every colon, proxy.py looks the name "[::1]" up.
NO_IPV6_TARGETS = {"proxy.py", "proxy.py-auth", "tiny-proxy-http", "tiny-proxy-http-auth"}


def names(*schemes: str, auth: bool | None = None) -> list[str]:
    """The names of the proxies that speak one of ``schemes`` (all of them if none is given)."""
    return [
        name
        for name, (spoken, wants_auth) in PROXIES.items()
        if (not schemes or set(schemes) & set(spoken)) and auth in {None, wants_auth}
    ]


def legs(*schemes: str, auth: bool | None = None) -> list[tuple[str, str]]:
    """Every (name, scheme) there is: one of each for a test of a whole connection."""
    return [
        (name, scheme)
        for name in names(*schemes, auth=auth)
        for scheme in PROXIES[name][0]
        if not schemes or scheme in schemes
    ]


def targets(name: str, scheme: str) -> list[str]:
    """The loopback hosts that a leg can reach: IPv4, a name, and mostly IPv6."""
    if scheme == "socks4" or name in NO_IPV6_TARGETS:
        return ["127.0.0.1", "localhost"]
    return ["127.0.0.1", "localhost", "::1"]


class RealProxies:
    """Starts the program behind a name when a test first asks for it, and ends all of them."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._running: dict[str, RealProxy] = {}

    def __getitem__(self, name: str) -> RealProxy:
        if name not in self._running:
            for starter in STARTERS:
                if name in starter.provides:
                    for proxy in self._stack.enter_context(starter.start()):
                        self._running[proxy.name] = proxy
        return self._running[name]

    def daemons(self) -> list[Daemon]:
        """What has been started so far."""
        return list({id(p.daemon): p.daemon for p in self._running.values()}.values())

    def close(self) -> None:
        """End every program."""
        for daemon in self.daemons():  # all are told first, so that they end side by side
            daemon.ask_to_stop()
        self._stack.close()


# ── starting a program ────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that is free on every loopback address and that nobody else is given.

    The reservation is a socket that is bound with SO_REUSEADDR and never listens. Linux lets
    a server that asks for exactly this port (with SO_REUSEADDR, as servers do) have it, and
    gives it to no one who asks for any port. Elsewhere the port is free again at once, which
    leaves a small gap.
    """
    with contextlib.ExitStack() as stack:
        while True:
            attempt = stack.enter_context(contextlib.ExitStack())
            port = 0
            try:
                for host in HOSTS:
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    sock = attempt.enter_context(socket.socket(family))
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind((host, port))
                    port = sock.getsockname()[1]
            except OSError:  # taken on the second address: try another one
                attempt.close()
                continue
            break
        if sys.platform != "linux":
            attempt.close()
        yield port


@contextlib.contextmanager
def own_directory(owner: str | None = None) -> Iterator[Path]:
    """A directory for a program's files; ``owner`` is the user it runs as, if not we."""
    path = Path(tempfile.mkdtemp(prefix="real-proxy-"))
    try:
        if owner is not None:
            shutil.chown(path, owner)
        yield path
    finally:
        shutil.rmtree(path)


def unprivileged_user(*candidates: str) -> str | None:
    """The first of these users that exists, if we are root; programs drop root for it."""
    if os.geteuid() != 0:
        return None
    for name in candidates:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


@contextlib.contextmanager
def running(
    name: str,
    command: list[str],
    log: Path,
    ready: Callable[[subprocess.Popen[bytes]], bool],
    *,
    environ: Mapping[str, str] | None = None,
    stop_signal: int = signal.SIGTERM,
) -> Iterator[Daemon]:
    """Run ``command`` with its output in ``log``, from the moment it is ready to the end."""
    begin = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environ or {})},
            start_new_session=True,
        )
    daemon = Daemon(name, process, log, stop_signal=stop_signal)
    try:
        while not ready(process):
            if process.poll() is not None or time.monotonic() - begin > START_TIMEOUT:
                raise RuntimeError(f"{name} did not start: {command}\n{daemon.text()}")
            time.sleep(POLL)
        daemon.startup_seconds = time.monotonic() - begin
        yield daemon
    finally:
        daemon.stop()


def accepts(*ports: int) -> Callable[[subprocess.Popen[bytes]], bool]:
    """Ready means: every port takes a connection, on every loopback address."""
    waiting = [(host, port) for port in ports for host in HOSTS]

    def ready(process: subprocess.Popen[bytes]) -> bool:
        while waiting:
            try:
                socket.create_connection(waiting[0], timeout=START_TIMEOUT).close()
            except ConnectionRefusedError:
                return False
            waiting.pop(0)
        return True

    return ready


def authority(host: str, port: str) -> str:
    """Host and port as they stand in a URL."""
    host = host.strip("[]").lower()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# ── squid ─────────────────────────────────────────────────────────────────────────────────

NCSA_HELPERS = [
    f"{root}/basic_ncsa_auth"
    for root in ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid", "/usr/libexec")
]


def hashed(password: str) -> str:
    """The crypt(3) form of a password, as password files have it."""
    command = [program("openssl"), "passwd", "-6", "-stdin"]
    return subprocess.run(
        command, input=password, capture_output=True, encoding="utf-8", check=True
    ).stdout.strip()


@contextlib.contextmanager
def squid() -> Iterator[list[RealProxy]]:
    """One squid with four kinds of port: plain and TLS, open and with Basic authentication."""
    binary = program("squid")
    helper = next((path for path in NCSA_HELPERS if os.access(path, os.X_OK)), None)
    if helper is None:
        missing("squid's helper basic_ncsa_auth is not installed")
    user = unprivileged_user("proxy", "squid", "nobody")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(own_directory(user))
        ports = {
            name: stack.enter_context(reserved_port())
            for name in ("squid", "squid-auth", "squid-tls", "squid-tls-auth")
        }
        ca = trustme.CA()
        ca_pem = directory / "ca.pem"
        ca.cert_pem.write_to_path(ca_pem)
        chain = directory / "chain.pem"
        leaf = ca.issue_cert("localhost", "127.0.0.1", "::1")
        leaf.private_key_and_cert_chain_pem.write_to_path(chain)
        (directory / "passwords").write_text(
            "".join(f"{u}:{hashed(p)}\n" for u, p in (CREDENTIALS, ASCII_CREDENTIALS)),
            encoding="utf-8",
        )
        (directory / "hosts").write_text(f"127.0.0.1 localhost {SQUID_NAME}\n", encoding="utf-8")
        listen = []
        for name, port in ports.items():
            for host in HOSTS:
                address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                if "tls" in name:
                    listen.append(f"https_port {address} name={name}-{host} tls-cert={chain}")
                else:
                    listen.append(f"http_port {address} name={name}-{host}")
        auth_ports = " ".join(f"{n}-{h}" for n in ports if "auth" in n for h in HOSTS)
        access_log = directory / "access.log"
        config = directory / "squid.conf"
        lines = [
            *listen,
            f"acl needs_auth myportname {auth_ports}",
            "acl CONNECT method CONNECT",
            f"auth_param basic program {helper} {directory}/passwords",
            "auth_param basic children 2 startup=1 idle=1",
            "auth_param basic utf8 on",
            "auth_param basic realm squid",
            "acl users proxy_auth REQUIRED",
            "http_access deny needs_auth !users",
            "http_access allow CONNECT",  # also to loopback, which squid's default forbids
            "http_access deny all",
            "logformat proof %>lp %Ss/%>Hs %rm %ru",
            f"access_log stdio:{access_log} proof",
            "buffered_logs off",
            "cache_log /dev/null",  # -d copies it to stderr, which is our log
            "cache_store_log none",
            "cache deny all",
            "cache_mem 8 MB",
            "coredump_dir none",
            "pid_filename none",
            "netdb_filename none",
            "pinger_enable off",
            f"hosts_file {directory}/hosts",
            "dns_nameservers 127.0.0.1",  # loopback only; a name it does not know fails …
            "dns_timeout 1 second",  # … after this,
            "dns_retransmit_interval 200 milliseconds",  # if it looks that often
            "shutdown_lifetime 0 seconds",
            "visible_hostname squid.test",
            "max_filedescriptors 1024",  # it allocates by this number
            *([f"cache_effective_user {user}"] if user else []),
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        # -N: one process, in the foreground; -n: a name of its own for its shared memory.
        command = [binary, "-N", "-d", "1", "-n", f"p{ports['squid']}", "-f", str(config)]
        log = directory / "output.log"
        ready = accepts(*ports.values())
        # At SIGTERM it would take a second longer; killed, it would leave its shared memory.
        daemon = stack.enter_context(
            running("squid", command, log, ready, stop_signal=signal.SIGINT)
        )
        daemon.log = access_log

        def reader(port: int) -> Callable[[str], list[str]]:
            line = re.compile(rf"^{port} TCP_TUNNEL\S*/200 CONNECT (\S+)$", re.MULTILINE)
            return lambda text: [match.lower() for match in line.findall(text)]

        yield [
            RealProxy(
                name,
                PROXIES[name][0],
                port,
                daemon,
                reader(port),
                credentials=CREDENTIALS if "auth" in name else None,
                ca_pem=ca_pem if "tls" in name else None,
                no_credentials=407,
                wrong_credentials=407,
                refused={"http": 503, "https": 503},
            )
            for name, port in ports.items()
        ]


# ── tinyproxy ─────────────────────────────────────────────────────────────────────────────


def read_tinyproxy(text: str) -> list[str]:
    """An opening of a socket that was followed by an established connection."""
    opening: dict[str, list[str]] = {}
    tunnels = []
    for line in text.splitlines():
        if match := re.search(r"opensock: opening connection to (\S+):(\d+)$", line):
            opening.setdefault(match[1], []).append(match[2])
        elif match := re.search(r"opensock: Could not .* (\S+):(\d+)", line):
            if match[2] in opening.get(match[1], []):
                opening[match[1]].remove(match[2])
        elif match := re.search(r'Established connection to host "(\S+)"', line):
            tunnels.append(authority(match[1], opening[match[1]].pop(0)))
    return tunnels


@contextlib.contextmanager
def tinyproxy(name: str) -> Iterator[list[RealProxy]]:
    """A tinyproxy, open or with Basic authentication (which it has per process)."""
    binary = program("tinyproxy")
    auth = name == "tinyproxy-auth"
    with own_directory() as directory, reserved_port() as port:
        config = directory / "tinyproxy.conf"
        lines = [
            f"Port {port}",
            *(f"Listen {host}" for host in HOSTS),
            "Timeout 600",
            "LogLevel Info",  # without a LogFile it goes to stdout
            # Its configuration knows letters and digits only.
            *(["BasicAuth {} {}".format(*ASCII_CREDENTIALS)] if auth else []),
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [binary, "-d", "-c", str(config)]
        with running(name, command, directory / "log", accepts(port)) as daemon:
            yield [
                RealProxy(
                    name,
                    PROXIES[name][0],
                    port,
                    daemon,
                    read_tinyproxy,
                    credentials=ASCII_CREDENTIALS if auth else None,
                    no_credentials=407,
                    wrong_credentials=401,  # sic
                    refused={"http": 500},
                )
            ]


# ── dante ─────────────────────────────────────────────────────────────────────────────────


def read_dante(text: str) -> list[str]:
    """``pass(1): tcp/connect [: client proxy -> proxy target``, ports behind the last dot."""
    line = re.compile(r"pass\(\d+\): tcp/connect \[: \S+ \S+ -> \S+ (\S+)\.(\d+)$", re.MULTILINE)
    return [authority(host, port) for host, port in line.findall(text)]


@contextlib.contextmanager
def dante(name: str) -> Iterator[list[RealProxy]]:
    """A danted, open or with user name and password, which PAM checks."""
    binary = program("danted")
    auth = name == "dante-auth"
    if auth and not Path("/etc/pam.d", DANTE_PAM_SERVICE).exists():
        missing(f"the PAM service {DANTE_PAM_SERVICE} for dante's users does not exist")
    user = unprivileged_user("nobody") or pwd.getpwuid(os.geteuid()).pw_name
    method = "pam.username" if auth else "none"
    with own_directory() as directory, reserved_port() as port:
        config = directory / "danted.conf"
        lines = [
            "logoutput: stderr",
            *(f"internal: {host} port = {port}" for host in HOSTS),
            # The protocols stand before the addresses, or the file is refused.
            f"external.protocol: {'ipv4 ipv6' if HAS_IPV6 else 'ipv4'}",
            *(f"external: {host}" for host in HOSTS),
            "clientmethod: none",
            f"socksmethod: {method}",
            f"user.privileged: {user}",  # the password check needs no root
            f"user.unprivileged: {user}",
            "client pass { from: 0/0 to: 0/0",
            "  log: error }",
            "socks pass { from: 0/0 to: 0/0",
            "  command: connect",
            "  log: connect disconnect error",
            *(
                [f"  socksmethod: {method}", f"  pam.servicename: {DANTE_PAM_SERVICE}"]
                if auth
                else []
            ),
            "}",
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [binary, "-f", str(config), "-N", "1", "-p", str(directory / "pid")]
        with running(name, command, directory / "log", accepts(port)) as daemon:
            yield [
                RealProxy(
                    name,
                    PROXIES[name][0],
                    port,
                    daemon,
                    read_dante,
                    credentials=CREDENTIALS if auth else None,
                    logs_names=False,
                    no_credentials=0xFF,
                    wrong_credentials=1,
                    refused={"socks4": 91, "socks5": 5, "socks5h": 5},
                )
            ]


# ── OpenSSH ───────────────────────────────────────────────────────────────────────────────


def read_sshd(text: str) -> list[str]:
    """What the server's end has connected to."""
    line = re.compile(r"channel \d+: connected to (\S+) port (\d+)\s*$", re.MULTILINE)
    return [authority(host, port) for host, port in line.findall(text)]


def root_is_locked() -> bool:
    """Whether sshd without PAM would turn root away, as it does for a locked account."""
    if os.geteuid() != 0:
        return False
    with contextlib.suppress(OSError):
        for line in Path("/etc/shadow").read_text(encoding="utf-8").splitlines():
            if line.startswith("root:!"):
                return True
    return False


@contextlib.contextmanager
def ssh() -> Iterator[list[RealProxy]]:
    """``ssh -D`` through an sshd of our own, with keys of our own."""
    server, client, keygen = program("sshd"), program("ssh"), program("ssh-keygen")
    with own_directory() as directory, reserved_port() as server_port, reserved_port() as port:
        if os.geteuid() == 0:
            # Debian's service makes the directory sshd shuts itself into; we do without it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for key in ("host", "user"):
            command = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(directory / key)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        config = directory / "sshd_config"
        lines = [
            f"Port {server_port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {directory}/host",
            f"AuthorizedKeysFile {directory}/user.pub",
            "PidFile none",
            f"UsePAM {'yes' if root_is_locked() else 'no'}",
            "StrictModes no",  # /tmp is writable for others
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "AllowTcpForwarding local",
            "UseDNS no",
            "LogLevel DEBUG1",
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [server, "-D", "-e", "-f", str(config)]
        listening = f"Server listening on 127.0.0.1 port {server_port}"
        log = directory / "sshd.log"
        with running("sshd", command, log, lambda _: listening in log.read_text()) as sshd:
            command = [client, "-F", os.devnull, "-N", "-p", str(server_port)]
            for host in HOSTS:
                command += ["-D", f"[{host}]:{port}"]
            options = {
                "IdentityFile": directory / "user",
                "IdentitiesOnly": "yes",
                "IdentityAgent": "none",
                "UserKnownHostsFile": os.devnull,
                "GlobalKnownHostsFile": os.devnull,
                "StrictHostKeyChecking": "no",
                "ExitOnForwardFailure": "yes",
                "BatchMode": "yes",
            }
            for option, value in options.items():
                command += ["-o", f"{option}={value}"]
            command += ["-l", pwd.getpwuid(os.geteuid()).pw_name, "127.0.0.1"]
            with running("ssh -D", command, directory / "ssh.log", accepts(port)) as daemon:
                daemon.log = sshd.log
                daemon.startup_seconds += sshd.startup_seconds
                schemes = PROXIES["ssh"][0]
                refused = dict.fromkeys(schemes)  # it hangs up, whatever went wrong
                yield [RealProxy("ssh", schemes, port, daemon, read_sshd, refused=refused)]


# ── from PyPI: tiny-proxy and proxy.py ────────────────────────────────────────────────────


def python_package(module: str, distribution: str) -> None:
    """Skip or fail unless a package of the dependency group ``test`` is there."""
    if importlib.util.find_spec(module) is None:
        missing(f"{distribution} is not installed")


def read_tiny_proxy(kind: str) -> Callable[[str], list[str]]:
    """The lines that ``_tiny_proxy.py`` writes when a tunnel is open."""
    line = re.compile(rf"^TUNNEL {kind} (\S+) (\d+)$", re.MULTILINE)
    return lambda text: [authority(host, port) for host, port in line.findall(text)]


@contextlib.contextmanager
def tiny_proxy() -> Iterator[list[RealProxy]]:
    """One process of ``_tiny_proxy.py`` with a port for each of its six kinds."""
    python_package("tiny_proxy", "tiny-proxy")
    with own_directory() as directory:
        log = directory / "log"
        ports: dict[str, int] = {}

        def ready(process: subprocess.Popen[bytes]) -> bool:
            if match := re.search(r"^\{.*\}$", log.read_text(encoding="utf-8"), re.MULTILINE):
                ports.update(json.loads(match[0]))
            return bool(ports)

        script = Path(__file__).with_name("_tiny_proxy.py")
        with running("tiny-proxy", [sys.executable, str(script)], log, ready) as daemon:
            yield [
                RealProxy(
                    f"tiny-proxy-{kind}",
                    PROXIES[f"tiny-proxy-{kind}"][0],
                    port,
                    daemon,
                    read_tiny_proxy(kind),
                    hosts=["127.0.0.1"],
                    credentials={
                        "http-auth": ASCII_CREDENTIALS,
                        "socks4-userid": (ASCII_CREDENTIALS[0], ""),
                        "socks5-auth": CREDENTIALS,
                    }.get(kind),
                    no_credentials={"http": 401, "socks4": 93, "socks5": 0xFF}[protocol],
                    wrong_credentials={"http": 401, "socks4": 93, "socks5": 255}[protocol],
                    refused={
                        "http": 502,
                        "socks4": 92,
                        "socks4a": 92,
                        "socks5": 5,
                        "socks5h": 5,
                    },
                )
                for kind, port in ports.items()
                for protocol in [kind.partition("-")[0]]
            ]


def read_proxy_py(text: str) -> list[str]:
    """Its access log, written when a tunnel has ended, without the targets it did not reach."""
    line = re.compile(
        r"Unable to connect with upstream (\S+):(\d+) due to"
        r"|access_log:\d+ - \S+ - CONNECT (\S+):(\d+) - "
    )
    tunnels, failed = [], []
    for match in line.finditer(text):
        if match[1]:
            failed.append(authority(match[1], match[2]))
        elif (asked := authority(match[3], match[4])) in failed:
            failed.remove(asked)
        else:
            tunnels.append(asked)
    return tunnels


@contextlib.contextmanager
def proxy_py(name: str) -> Iterator[list[RealProxy]]:
    """A proxy.py, open or with Basic authentication (which it has per process)."""
    python_package("proxy", "proxy.py")
    auth = name == "proxy.py-auth"
    with own_directory() as directory:
        port_file = directory / "port"
        log = directory / "log"
        command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"]
        command += ["--port-file", str(port_file), "--data-dir", str(directory / "data")]
        command += ["--num-workers", "1", "--num-acceptors", "1"]
        if auth:
            command += ["--basic-auth", ":".join(CREDENTIALS)]

        def ready(process: subprocess.Popen[bytes]) -> bool:
            return port_file.exists() and port_file.read_text().endswith("\n")

        environ = {"HOME": str(directory)}  # it makes a cache there
        with running(name, command, log, ready, environ=environ) as daemon:
            yield [
                RealProxy(
                    name,
                    PROXIES[name][0],
                    int(port_file.read_text()),
                    daemon,
                    read_proxy_py,
                    hosts=["127.0.0.1"],
                    credentials=CREDENTIALS if auth else None,
                    no_credentials=407,
                    wrong_credentials=407,
                    refused={"http": 502},
                )
            ]


# ── who provides what ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Starter:
    """A context manager that runs one program, and the names of the proxies in it."""

    start: Callable[[], AbstractContextManager[list[RealProxy]]]
    provides: tuple[str, ...]


STARTERS = [
    Starter(squid, ("squid", "squid-auth", "squid-tls", "squid-tls-auth")),
    Starter(partial(tinyproxy, "tinyproxy"), ("tinyproxy",)),
    Starter(partial(tinyproxy, "tinyproxy-auth"), ("tinyproxy-auth",)),
    Starter(partial(proxy_py, "proxy.py"), ("proxy.py",)),
    Starter(partial(proxy_py, "proxy.py-auth"), ("proxy.py-auth",)),
    Starter(tiny_proxy, tuple(name for name in PROXIES if name.startswith("tiny-proxy"))),
    Starter(partial(dante, "dante"), ("dante",)),
    Starter(partial(dante, "dante-auth"), ("dante-auth",)),
    Starter(ssh, ("ssh",)),
]
