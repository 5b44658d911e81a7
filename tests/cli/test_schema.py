"""What ``check --json`` and ``explain --json`` write is what the published JSON Schema says."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import trio
from _deaf import open_deaf_server

import trio_wsproxy
from trio_wsproxy.testing import (
    Certificates,
    Fail,
    open_echo_server,
    open_http_proxy,
)

ROOT = Path(trio_wsproxy.__file__).parent.parent
SCHEMA = json.loads((ROOT / "docs/extra/trio-wsproxy.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "TRIO_WSPROXY_DESKTOP": "0",
}
COMMON = {
    *("command", "ok", "error"),
    *("url", "target", "source", "hops", "trail", "picture", "alternatives", "notes"),
}


async def told(command: str, *arguments: str, **environ: str) -> dict[str, Any]:
    """The object of a run, which the schema knows, and only as what it is."""
    done = await trio.run_process(
        [sys.executable, "-m", "trio_wsproxy", command, "--json", *arguments],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        stdin=b"",
        env={**ENVIRON, **environ},
    )
    value: dict[str, Any] = json.loads(done.stdout)
    VALIDATOR.validate(value)
    assert value["command"] == command
    assert value["ok"] is (done.returncode == 0)
    assert (value["error"] is None) is value["ok"]
    if done.returncode == 2 and "url" not in value:
        assert value.keys() == {"command", "ok", "error"}
        assert value["error"]["message"] == done.stderr.decode().strip()
    else:
        assert value.keys() > COMMON
        (part,) = (x for x in ("check", "explain") if x == command)
        assert value.keys() == SCHEMA["$defs"][part]["properties"].keys()
    return value


def test_the_schema() -> None:
    """It is a schema of the draft that it names, and the two commands share what they share."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    check, explain = (SCHEMA["$defs"][name]["properties"] for name in ("check", "explain"))
    assert check.keys() & explain.keys() >= COMMON
    for name in COMMON - {"command"}:
        assert check[name] == explain[name]


def test_pages() -> None:
    """The pages name the members that there are: cli.rst what is shared, the others what is their own."""
    names = ("cli", "cli-check", "cli-explain")
    pages = {name: (ROOT / f"docs/{name}.rst").read_text("utf-8") for name in names}
    check, explain = (SCHEMA["$defs"][name]["properties"].keys() for name in ("check", "explain"))
    shared = re.findall(r"^   \* - ``(\w+)``$", pages["cli"], re.MULTILINE)
    assert shared == [name for name in check if name in COMMON]
    table = pages["cli-check"].partition("\nFor programs\n")[2]
    assert set(re.findall(r"^``(\w+)`` ", table, re.MULTILINE)) == check - COMMON
    listed = pages["cli-explain"].partition("\nFor programs\n")[2].partition("code-block")[0]
    assert all(f"``{name}``" in listed for name in explain - COMMON)


async def test_good(tmp_path: Path) -> None:
    """Of connections that are opened: plain, with TLS, through a proxy; and of their routes."""
    certificates = Certificates()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificates.ca_pem)
    async with (
        open_echo_server() as echo,
        open_echo_server(ssl_context=certificates.server_context("localhost")) as secure,
        open_http_proxy() as proxy,
    ):
        plain = await told("check", "--no-proxy", "--compression", echo.url)
        assert plain["closed"].startswith("1000 ")
        hidden = await told("check", "--cacert", str(ca), secure.url_for("localhost", "/?a=b"))
        assert hidden["certificates"]
        assert "a=b" not in json.dumps(hidden)
        behind = await told("check", "-x", proxy.url, echo.url)
        assert [behind["hops"], behind["alternatives"][0]["hops"]] == [[proxy.url]] * 2
        explained = await told("explain", "-x", proxy.url, echo.url)
        same = ("url", "target", "source", "hops", "trail", "picture", "notes")
        assert [explained[name] for name in same] == [behind[name] for name in same]


async def test_failing() -> None:
    """Of a proxy that refuses, one that is not there, a server that is none, and of the time."""
    async with open_http_proxy(script=[Fail(403)]) as proxy, open_deaf_server() as deaf:
        refused = await told("check", "-x", proxy.url, "ws://h.test/")
        assert (refused["error"]["type"], refused["error"]["hop"]) == ("ProxyRejected", 1)
        assert refused["error"]["stage"] == "connect"
        gone = await told("check", "-x", "http://127.0.0.1:1", "ws://h.test/")
        assert (gone["error"]["type"], gone["error"]["stage"]) == ("ProxyUnreachable", "tcp")
        url = f"ws://{deaf.authority}/"
        late = await told("check", "--no-proxy", "--connect-timeout", "0.5", url)
        assert late["error"]["type"] == "ConnectionTimeout"
        late = await told("check", "--no-proxy", "--max-time", "0.5", url)
        assert late["error"]["type"] == "TooSlowError"
        assert late["url"] == url


@pytest.mark.parametrize("command", ["check", "explain"])
@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["ftp://h.test/"], {}),
        (["h.test"], {}),
        (["wss://h.test:x/"], {}),
        (["wss://h.test/", "-x", ""], {}),
        (["wss://h.test/", "-x", "ftp://p.test"], {}),
        (["wss://h.test/"], {"https_proxy": "htp://ada:s3cret@p.test"}),
    ],
)
async def test_malformed(command: str, arguments: list[str], environ: dict[str, str]) -> None:
    """Of arguments and settings that cannot be used there is an object, too, without a secret."""
    value = await told(command, *arguments, **environ)
    assert value["error"]["message"]
    assert "s3cret" not in json.dumps(value)


async def test_pac(tmp_path: Path) -> None:
    """Of scripts: those that answer, and those that are no good."""
    pytest.importorskip("quickjs")
    path = tmp_path / "proxy.pac"
    async with open_echo_server() as echo, open_http_proxy() as good:
        answer = f"PROXY 127.0.0.1:1; PROXY {good.authority}; DIRECT"
        path.write_text(f"function FindProxyForURL() {{ return '{answer}'; }}")
        checked = await told("check", "--pac", str(path), echo.url)
        assert checked["tried"]
        explained = await told("explain", "--pac", str(path), echo.url)
        assert explained["scripts"][0]["answer"] == answer
        assert len(explained["alternatives"]) == 3
        assert len(checked["alternatives"]) == 2  # that are left
    path.write_text("<html>")
    await told("check", "--pac", str(path), "ws://e.test/")
    await told("explain", "--pac", str(path), "ws://e.test/")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for others")
async def test_interrupted() -> None:
    """After Ctrl-C the object tells how far it came."""
    async with open_deaf_server() as server, trio.open_nursery() as nursery:
        url = f"ws://{server.authority}/"
        command = [sys.executable, "-m", "trio_wsproxy", "check", "--json", "--no-proxy", url]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env=ENVIRON)
        await server.asked.wait()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        value = json.loads(b"".join([data async for data in process.stdout]))
        assert await process.wait() == 130
        nursery.cancel_scope.cancel()
    VALIDATOR.validate(value)
    assert value["error"]["type"] == "KeyboardInterrupt"
    assert value["stages"][-1]["name"] == "upgrade"
    assert not value["stages"][-1]["ok"]


async def test_it_is_not_lenient() -> None:
    """The schema refuses an object that lacks a member, or has one of another kind."""
    good = await told("explain", "--no-proxy", "wss://h.test/")
    for name in good:
        bad = copy.deepcopy(good)
        del bad[name]
        assert not VALIDATOR.is_valid(bad), name
        assert not VALIDATOR.is_valid({**good, name: 3.5}), name
