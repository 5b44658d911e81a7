"""What other implementations make of the corpus: ``python tests/routing/pac/compare.py [--node DIR]``.

The others are PyPI's proxylib (its functions, on the same engine, in a process that can be ended) and, with
``--node``, npm's pac-resolver, from a folder in which it was installed with quickjs-wasi. Names, this
machine's addresses and the time are the same for all. Each disagreement is printed with its reason; one
without a reason makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIMIT = 10  # seconds for a question that ends nowhere
PATIENCE = 120  # seconds for one that ends here; the machine may have other things to do
NONSENSE = "takes what is no text for DIRECT, or gives it to its caller; here it is an error"
NO_EX = "does not know Microsoft's functions for IPv6"
NAMES = "has no limit on names; here there are 20, as in Chromium"
LENGTH = "has no limit on the length of an answer"
PLAIN = "takes ::1 for a plain name, for it has no dot; Chromium does not"
NIGHT = "lets no range of hours go over midnight (nor does Chromium, but for one with minutes)"
OWN_SIX = (
    "lets myIpAddress give an IPv6 address, which isInNet cannot read; here it gives IPv4 alone"
)
DATES = "has not implemented dateRange, which is always false"
BLANK = "puts a blank behind each ';' of a list of addresses; Microsoft's description has none"

# Why they differ, by the script.
REASONS: dict[tuple[str, str], str] = {
    ("proxylib", "bad-names"): NAMES,
    ("proxylib", "bad-names-random"): NAMES,
    ("proxylib", "function-ex-mine"): BLANK,
    ("proxylib", "function-ex-resolve"): BLANK,
    ("proxylib", "function-ex-name"): "knows FindProxyForURL alone",
    ("proxylib", "function-ex-only-six"): "lets dnsResolve give IPv6 addresses; browsers do not",
    ("proxylib", "function-ex-sort"): "cannot compare IPv4 with IPv6, and fails",
    ("proxylib", "function-in-net-odd"): "takes 8 for a mask, which is no dotted one",
    ("proxylib", "function-plain"): PLAIN,
    ("proxylib", "odd-long"): LENGTH,
    ("proxylib", "office-own-many"): OWN_SIX,
    ("proxylib", "office-own-six"): OWN_SIX,
    ("node", "office-octet"): "awaits no call that stands deep in an expression with brackets",
    ("proxylib", "odd-surrogate"): "fails where half a character comes out of the engine",
    ("proxylib", "time-hours-night"): NIGHT,
    (
        "node",
        "bad-deep-caught",
    ): "has rewritten all functions as async ones, whose overflow is not caught",
    ("node", "bad-names"): NAMES,
    ("node", "bad-names-random"): NAMES,
    ("node", "function-ex-name"): "knows FindProxyForURL alone",
    (
        "node",
        "function-glob-special",
    ): "leaves +, (, [, | and $ to the regular expression that it makes",
    ("node", "function-in-net"): "has a library for networks that does not take 0.0.0.0 for a mask",
    ("node", "function-in-net-odd"): "has a library for networks that takes 1.2.3 and 8 for such",
    ("node", "function-plain"): PLAIN,
    ("node", "office-own-address-early"): "looks nothing up while the script is loaded",
    ("node", "office-switch"): "reads scripts with a parser of 2020, which does not know ??",
    ("node", "odd-async"): "awaits what the script gives",
    ("node", "odd-promise"): "awaits what the script gives",
    ("node", "odd-long"): LENGTH,
    (
        "node",
        "time-hours-end",
    ): "takes the end of a range of hours for its first hour outside; browsers do not",
    ("node", "time-hours-night"): NIGHT,
    ("node", "time-minutes-night"): "lets no range go over midnight; Chromium does",
    **{
        ("proxylib", f"odd-{name}"): NONSENSE
        for name in (
            "null",
            "undefined",
            "number",
            "array",
            "promise",
            "async",
            "generator",
            "object",
        )
    },
    **{
        ("node", f"function-ex-{name}"): NO_EX
        for name in ("in-net", "mine", "only-six", "resolve", "sort", "version")
    },
    **{("node", f"time-date-{name}"): DATES for name in ("one", "two", "turn", "days", "odd")},
}


def proxylib_answer(job: dict[str, Any]) -> dict[str, Any]:
    """Run proxylib's functions on the engine; in a process of its own, for nothing can end a loop."""
    import datetime as dt
    import ipaddress
    from importlib import import_module

    # Their inner names, which no type checker is to see: nothing public takes names and times.
    net: Any = import_module("proxylib._net")
    theirs: Any = import_module("proxylib.pac._functions")
    engines: Any = import_module("proxylib.pac.engines._quickjs")

    def resolve_all(host: str, **_: Any) -> list[Any]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            return [ipaddress.ip_address(x) for x in job["names"].get(host, ())]

    def resolve_ip(host: str, **_: Any) -> Any:
        return next(iter(resolve_all(host)), None)

    class Now(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            found = dt.datetime.fromtimestamp(job["now"], dt.timezone.utc)
            return found if tz else found.replace(tzinfo=None)

    net.resolve_all, net.resolve_ip = resolve_all, resolve_ip
    theirs._datetime = type("module", (), {"datetime": Now, "timezone": dt.timezone})
    theirs._socket = type("module", (), {"gethostname": staticmethod(lambda: "\0mine")})
    job["names"]["\0mine"] = job["mine"]
    engine = engines.QuickJSEngine()
    engine.set_memory_limit(64 * 2**20)
    for name, function in theirs.functions.items():
        engine.export_function(name, function)
    engine.export_function("alert", lambda *_: None)
    try:
        engine.eval(job["text"])
        answer = engine.call("FindProxyForURL", job["url"], job["host"])
    except Exception as exc:
        return {"fails": str(exc).partition("\n")[0]}
    # As its documentation says: "A result that is not a string is DIRECT, as browsers treat it".
    return {"answer": answer if isinstance(answer, str) else "DIRECT"}


def asked(command: list[str], job: dict[str, Any], limit: int) -> dict[str, Any]:
    """Give a job to a program, and read what it says."""
    try:
        done = subprocess.run(  # programs of this very folder
            command,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"fails": f"did not end within {limit} s"}
    lines = done.stdout.strip().splitlines()
    if not lines:
        return {"fails": done.stderr.strip().splitlines()[-1] if done.stderr else "crashed"}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def main() -> int:
    """Compare, print, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--node", metavar="DIR", help="where pac-resolver is installed")
    parser.add_argument("--only", metavar="PREFIX", default="", help="scripts of such names alone")
    parser.add_argument("--proxylib-job", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.proxylib_job:
        print(json.dumps(proxylib_answer(json.load(sys.stdin))))
        return 0
    sys.path.insert(0, str(HERE.parent.parent / "support"))
    import _pac_corpus as corpus

    from trio_wsproxy._routing._pac_answer import question
    from trio_wsproxy._routing._pac_engine import MINE
    from trio_wsproxy._urls import parse_any_target

    oracles = {"proxylib": [sys.executable, __file__, "--proxylib-job"]}
    if arguments.node:
        oracles["node"] = ["node", str(HERE / "node_oracle.mjs"), arguments.node]
    same: Counter[str] = Counter()
    total, unexplained = 0, 0
    for path in corpus.FILES:
        if not path.stem.startswith(arguments.only):
            continue
        case = corpus.read(path)
        for url, expected in case.asks:
            total += 1
            asked_url, host = question(parse_any_target(url))
            job = {
                "text": case.text.lstrip("\ufeff"),
                "url": asked_url,
                "host": host,
                "names": {name: found for name, found in case.names.items() if name != MINE},
                "mine": case.names[MINE],
                "now": case.now,
            }
            for name, command in oracles.items():
                theirs = asked(command, job, LIMIT if expected.startswith("!") else PATIENCE)
                answer = theirs.get("answer", "!" + str(theirs.get("fails")))
                answer = answer.encode("ascii", "backslashreplace").decode()
                if answer == expected or (answer[0:1] == "!" and expected[0] == "!"):
                    same[name] += 1
                    continue
                reason = REASONS.get((name, path.stem), "")
                unexplained += not reason
                print(f"{name}, {path.stem}, {url}\n  here {expected}\n  there {answer[:200]}")
                print(f"  because it {reason}" if reason else "  UNEXPLAINED")
    for name in oracles:
        print(f"{name}: {same[name]} of {total} answers are the same ({same[name] / total:.0%})")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
