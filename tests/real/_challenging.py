"""A squid as companies have it: Basic, Digest, NTLM and Negotiate, TLS, and one that inspects TLS.

One squid with a port for each scheme, and one that offers all of them; the same with TLS to the
proxy. Passwords are checked by squid's ``basic_ncsa_auth`` and ``digest_file_auth`` and by Samba's
``ntlm_auth``, which takes PASSWORD of whomever it is told to be of. Kerberos tickets are checked by
``negotiate_kerberos_auth`` with a keytab of an MIT KDC that runs beside it on loopback. The port
``inspecting`` signs for every server with an authority of its own (``ssl_bump``), the port ``open`` asks nobody who it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme
from _proxies import (
    ASCII_CREDENTIALS,
    CREDENTIALS,
    HOSTS,
    NCSA_HELPERS,
    SQUID_NAME,
    START_TIMEOUT,
    RealProxy,
    accepts,
    hashed,
    missing,
    own_directory,
    program,
    reserved_port,
    running,
    unprivileged_user,
)

REALM = "TEST.INVALID"
USER, PASSWORD = ASCII_CREDENTIALS

SCHEMES = ("digest", "ntlm", "negotiate")
PORTS = {
    **{scheme: (scheme,) for scheme in ("basic", *SCHEMES)},
    "all": ("basic", *SCHEMES),
    "ntlm-tls": ("ntlm",),
    "negotiate-tls": ("negotiate",),
    "inspecting": (),
    "open": (),
}
FORBIDDEN = 8443  # a port that squid's rules let nobody through to
HELPERS = (
    "basic_ncsa_auth",
    "digest_file_auth",
    "negotiate_kerberos_auth",
    "security_file_certgen",
)


@dataclass
class Challenging:
    """What runs.

    Attributes:
      proxies: By scheme, and ``"all"``; the credentials are those of its users.
      ticket: The environment in which Kerberos has a ticket for USER.
      no_ticket: The environment in which it has none.
      company_pem: The authority of the inspecting proxy.
      servers: Signs for servers; the inspecting proxy trusts it.

    """

    proxies: dict[str, RealProxy]
    ticket: Mapping[str, str]
    no_ticket: Mapping[str, str]
    company_pem: Path
    servers: trustme.CA


def helper(name: str) -> str:
    """The absolute path of one of squid's helpers."""
    candidates = [Path(path).with_name(name) for path in NCSA_HELPERS]
    found = next((path for path in candidates if os.access(path, os.X_OK)), None)
    return str(found or missing(f"squid's helper {name} is not installed"))


@contextlib.contextmanager
def kdc(directory: Path) -> Iterator[dict[str, str]]:
    """An MIT KDC with one user and one service; gives the environment that leads to it."""
    server, tool, admin = program("krb5kdc"), program("kdb5_util"), program("kadmin.local")
    kinit = program("kinit")
    with reserved_port() as port:
        (directory / "krb5.conf").write_text(
            f"""[libdefaults]
              default_realm = {REALM}
              dns_lookup_kdc = false
              dns_lookup_realm = false
              dns_canonicalize_hostname = false
              rdns = false
              udp_preference_limit = 1
            [realms]
              {REALM} = {{
                kdc = 127.0.0.1:{port}
              }}
            [domain_realm]
              localhost = {REALM}
            """,
            encoding="utf-8",
        )
        (directory / "kdc.conf").write_text(
            f"""[kdcdefaults]
              kdc_listen = 127.0.0.1:{port}
              kdc_tcp_listen = 127.0.0.1:{port}
            [realms]
              {REALM} = {{
                database_name = {directory}/principal
                key_stash_file = {directory}/stash
                acl_file = {directory}/acl
              }}
            """,
            encoding="utf-8",
        )
        environ = {
            "KRB5_CONFIG": str(directory / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(directory / "kdc.conf"),
            "KRB5_KTNAME": f"FILE:{directory}/keytab",
            "KRB5RCACHENAME": "none:",  # its default is one file for all of the machine
        }

        def run(*command: str, text: str = "") -> None:
            subprocess.run(
                command,
                input=text,
                env={**os.environ, **environ},
                check=True,
                capture_output=True,
                encoding="utf-8",
            )

        run(tool, "create", "-s", "-r", REALM, "-P", "master")
        run(admin, "-r", REALM, "addprinc", "-pw", PASSWORD, USER)
        run(admin, "-r", REALM, "addprinc", "-randkey", "HTTP/localhost")
        run(admin, "-r", REALM, "ktadd", "-k", str(directory / "keytab"), "HTTP/localhost")
        log = directory / "kdc.log"
        command = [server, "-n", "-r", REALM]
        with running("krb5kdc", command, log, tcp_accepts(port), environ=environ):
            run(kinit, "-c", f"FILE:{directory}/ticket", USER, text=f"{PASSWORD}\n")
            yield environ


def tcp_accepts(port: int) -> Callable[[subprocess.Popen[bytes]], bool]:
    """Ready means: the port takes a connection on 127.0.0.1."""

    def ready(process: subprocess.Popen[bytes]) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT).close()
        except ConnectionRefusedError:
            return False
        return True

    return ready


def ha1(user: str, password: str) -> str:
    """A line of the password file of digest_file_auth -c, which needs no password in it."""
    secret = hashlib.md5(f"{user}:squid:{password}".encode(), usedforsecurity=False).hexdigest()
    return f"{user}:squid:{secret}\n"


def listening(ports: Mapping[str, int], chain: Path, company: Path) -> Iterator[str]:
    """The lines of squid.conf for its ports, and which scheme is asked for at which of them."""
    for name, port in ports.items():
        for host in HOSTS:
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if name == "inspecting":
                how = f" ssl-bump tls-cert={company} generate-host-certificates=on"
                yield f"http_port {address} name={name}-{host}{how}"
            elif name.endswith("-tls"):
                yield f"https_port {address} name={name}-{host} tls-cert={chain}"
            else:
                yield f"http_port {address} name={name}-{host}"
        names = " ".join(f"{name}-{host}" for host in HOSTS)
        yield f"acl port_{name} myportname {names}"
        if PORTS[name]:
            yield f"auth_schemes {','.join(PORTS[name])} port_{name}"


def checking(directory: Path) -> Iterator[str]:
    """The lines of squid.conf that say who checks passwords and tickets."""
    helpers = {name: helper(name) for name in HELPERS}
    ntlm = f"{program('ntlm_auth')} --helper-protocol=squid-2.5-ntlmssp --configfile=/dev/null"
    keytab = f"-k {directory}/keytab -s HTTP/localhost@{REALM}"
    programs = {
        "negotiate": f"{helpers['negotiate_kerberos_auth']} {keytab}",
        "ntlm": f"{ntlm} --password={PASSWORD}",
        "digest": f"{helpers['digest_file_auth']} -c {directory}/digest",
        "basic": f"{helpers['basic_ncsa_auth']} {directory}/basic",
    }
    for scheme, command in programs.items():  # the order in which they are offered
        yield f"auth_param {scheme} program {command}"
        yield f"auth_param {scheme} children 2 startup=1 idle=1"
        rest = "realm squid" if scheme in ("digest", "basic") else "keep_alive on"
        yield f"auth_param {scheme} {rest}"
    yield "auth_param basic utf8 on"
    database = directory / "certificates"
    certgen = helpers["security_file_certgen"]
    subprocess.run(
        [certgen, "-c", "-s", str(database), "-M", "4MB"], check=True, capture_output=True
    )
    if user := unprivileged_user("proxy", "squid", "nobody"):
        for path in (database, *database.rglob("*")):
            shutil.chown(path, user)
    yield f"sslcrtd_program {certgen} -s {database} -M 4MB"
    yield "sslcrtd_children 2 startup=1 idle=1"


@contextlib.contextmanager
def challenging() -> Iterator[Challenging]:
    """Run squid and the KDC."""
    binary = program("squid")
    user = unprivileged_user("proxy", "squid", "nobody")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(own_directory(user))
        environ = stack.enter_context(kdc(directory))
        (directory / "keytab").chmod(0o644)  # it opens nothing but this test's proxy
        ports = {name: stack.enter_context(reserved_port()) for name in PORTS}
        users = (CREDENTIALS, ASCII_CREDENTIALS)
        (directory / "digest").write_text("".join(ha1(*one) for one in users), encoding="utf-8")
        (directory / "basic").write_text(
            "".join(f"{u}:{hashed(p)}\n" for u, p in users), encoding="utf-8"
        )
        (directory / "hosts").write_text(
            f"127.0.0.1 localhost {SQUID_NAME} echo.example\n", encoding="utf-8"
        )
        proxies, servers = trustme.CA(), trustme.CA()
        company = trustme.CA(organization_name="Corp Ltd", organization_unit_name="TLS Inspection")
        for name, authority in (("proxies", proxies), ("servers", servers), ("company", company)):
            authority.cert_pem.write_to_path(directory / f"{name}.pem")
        signer = directory / "company-signer.pem"
        signer.write_bytes(company.cert_pem.bytes() + company.private_key_pem.bytes())
        chain = directory / "chain.pem"
        leaf = proxies.issue_cert("localhost", "127.0.0.1", "::1")
        leaf.private_key_and_cert_chain_pem.write_to_path(chain)
        access_log = directory / "access.log"
        lines = [
            *checking(directory),
            *listening(ports, chain, signer),
            "acl users proxy_auth REQUIRED",
            "acl CONNECT method CONNECT",
            # Behind the client's greeting the server is asked, and its certificate is copied: without an
            # Authority Key Identifier Python 3.13 would take none.
            "acl greeting at_step SslBump1",
            "ssl_bump peek greeting",
            "ssl_bump bump port_inspecting",
            f"tls_outgoing_options cafile={directory}/servers.pem",
            "http_upgrade_request_protocols websocket allow all",
            f"acl forbidden port {FORBIDDEN}",
            "http_access deny forbidden",
            "http_access allow port_inspecting",
            "http_access allow port_open",
            "http_access deny !users",
            "http_access allow CONNECT",
            "http_access deny all",
            "logformat proof %>lp %Ss/%>Hs %rm %ru %un",
            f"access_log stdio:{access_log} proof",
            "buffered_logs off",
            "cache_log /dev/null",
            "cache_store_log none",
            "cache deny all",
            "cache_mem 8 MB",
            "coredump_dir none",
            "pid_filename none",
            "netdb_filename none",
            "pinger_enable off",
            f"hosts_file {directory}/hosts",
            "dns_nameservers 127.0.0.1",
            "shutdown_lifetime 0 seconds",
            "visible_hostname squid.test",
            "max_filedescriptors 1024",
            *([f"cache_effective_user {user}"] if user else []),
        ]
        config = directory / "squid.conf"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [binary, "-N", "-d", "1", "-n", f"p{ports['all']}", "-f", str(config)]
        daemon = stack.enter_context(
            running(
                "squid",
                command,
                directory / "output.log",
                accepts(*ports.values()),
                environ=environ,
                stop_signal=signal.SIGINT,
            )
        )
        daemon.log = access_log

        def reader(port: int) -> Callable[[str], list[str]]:
            line = re.compile(
                rf"^{port} (?:TCP_TUNNEL|NONE)\S*/200 CONNECT (\S+) \S+$", re.MULTILINE
            )
            return lambda text: [match.lower() for match in line.findall(text)]

        yield Challenging(
            {
                name: RealProxy(
                    f"squid-{name}",
                    ("https" if name.endswith("-tls") else "http",),
                    port,
                    daemon,
                    reader(port),
                    credentials=ASCII_CREDENTIALS if PORTS[name] else None,
                    ca_pem=directory / "proxies.pem" if name.endswith("-tls") else None,
                )
                for name, port in ports.items()
            },
            ticket={**environ, "KRB5CCNAME": f"FILE:{directory}/ticket"},
            no_ticket={**environ, "KRB5CCNAME": f"FILE:{directory}/nothing"},
            company_pem=directory / "company.pem",
            servers=servers,
        )
