"""All checks of the project; ``nox`` runs them all, ``nox -s NAME`` one of them.

Versions of tools stand in pyproject.toml's dependency groups and nowhere else.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14", "3.14t"]  # as .github/workflows/ci.yml has them
ENDS = ["3.10", "3.14", "3.14t"]  # what breaks in between breaks at an end too, nearly always

nox.needs_version = ">=2025.2.9"  # the first to skip what is missing and read dependency groups
nox.options.error_on_missing_interpreters = False  # few people have all of them
nox.options.reuse_venv = "yes"  # installing takes longer than most checks
# "nox -s tests" runs all versions; with the current one "coverage" does.
nox.options.sessions = [
    "lint",
    "types",
    "docs",
    "coverage",
    "demo",
    "benchmarks",
    *(f"tests-{python}" for python in ENDS),
]


def install(session: nox.Session, *groups: str, package: str | None = None) -> None:
    """Install dependency groups of pyproject.toml, and the package itself if asked for."""
    pyproject = nox.project.load_toml("pyproject.toml")
    requirements = nox.project.dependency_groups(pyproject, *groups) if groups else ()
    session.install(*(["-e", package] if package else []), *requirements)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; arguments behind ``--`` go to pytest."""
    install(session, "test", package=".[testing]")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that start no other programs, in less than a minute."""
    install(session, "test", package=".[testing]")
    session.run("python", "-m", "pytest", "-n", "auto", "-m", "not slow", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests and see that they still cover what they did; subprocesses count."""
    install(session, "coverage", package=".[testing]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-n", "auto", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes and for code that is not formatted."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of everything; ``strict`` stands in pyproject.toml."""
    install(session, "types", package=".[testing]")
    session.run("mypy", "--strict")
    # What users write, with pyright too.
    session.run("python", "-m", "pytest", "tests/typing")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning or a dead reference is an error."""
    install(session, "docs", package=".[testing]")
    session.run("python", "-m", "sphinx", "-W", "-n", "--keep-going", "docs", "docs/_build/html")


@nox.session
def conformance(session: nox.Session) -> None:
    """Run Autobahn|Testsuite where there is a CPython 2.7; see reports/autobahn/index.html.

    ``nox -s conformance`` sends what Autobahn sends, which takes a quarter of an hour;
    ``nox -s conformance -- --messages 100`` shortens the cases of compression.
    """
    install(session, package=".")
    session.run("python", "tests/conformance/run.py", *session.posargs, success_codes=[0, 3])


@nox.session
def pac(session: nox.Session) -> None:
    """Compare what PAC scripts answer with proxylib and, where there is npm, with Node's pac-resolver.

    ``nox -s pac -- --only office`` asks them about a part of the corpus.
    """
    install(session, "pac", package=".[pac]")
    node: list[str] = []
    if npm := shutil.which("npm"):
        folder = session.create_tmp()
        what = ("pac-resolver@9", "quickjs-wasi@3")
        session.run(npm, "install", "--prefix", folder, *what, external=True)
        node = ["--node", folder]
    session.run("python", "tests/routing/pac/compare.py", *node, *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """See that the benchmarks run; ``python -m benchmarks`` measures, for some twelve minutes."""
    install(session, "bench", package=".")
    session.run("python", "-m", "benchmarks", *(session.posargs or ["--quick"]))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try all readers of foreign text: ``nox -s fuzz -- --minutes N``, a minute by default.

    With atheris where it has wheels, elsewhere with mutations; ``--help`` has the rest.
    """
    install(session, "fuzz", package=".[testing]")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Let the client live through universes in which anything goes wrong, a minute by default.

    ``nox -s simulate -- --hours N`` is for nights, ``-- --mutations`` plants faults in our code and tells after how many
    universes each was found, ``-- --bounded 70`` is what CI does, ``-- --coverage`` shows how much of the client these
    universes reach, without any other test.
    """
    install(session, "coverage", package=".[testing]")
    arguments = [x for x in session.posargs if x != "--coverage"]
    if "--coverage" not in session.posargs:
        session.run("python", "-m", "tests.simulation", *arguments)
        return
    folder = session.create_tmp()
    data = f"--data-file={Path(folder) / 'coverage'}"
    session.run("coverage", "erase", data)
    # In one process, for coverage looks at no other.
    session.run("coverage", "run", data, "-m", "tests.simulation", "--jobs", "1", *arguments)
    session.run("coverage", "combine", "--quiet", data, folder)
    rooms = ",".join(f"*/trio_wsproxy/{room}/*" for room in ("_websocket", "_transport", "_client"))
    session.run("coverage", "report", data, f"--include={rooms}", "--fail-under=0")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Build the C extension with AddressSanitizer and UBSan, and try it: its tests, the fuzzer.

    ``nox -s sanitize -- --minutes N`` gives the fuzzer longer than half a minute. Needs GCC, on Linux.
    """
    install(session, "test", package=".[testing]")
    session.install("setuptools")
    session.run("python", "tests/fuzz/sanitized.py", session.create_tmp(), *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Make the source distribution and, from it, a wheel, and see that both can be published."""
    install(session, "release")
    folder = Path(session.create_tmp()) / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder))
    session.run("python", "-m", "twine", "check", "--strict", *map(str, folder.iterdir()))


@nox.session
def sbom(session: nox.Session) -> None:
    """Write packaging/sbom.cdx.json: what is installed with the package, extras aside (CycloneDX)."""
    install(session, "release")
    folder = Path(session.create_tmp()) / "bare"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "venv", "--without-pip", str(folder))
    session.run("python", "-m", "pip", "--python", str(folder), "install", "--quiet", ".")
    session.run("python", "packaging/sbom.py", str(folder), "packaging/sbom.cdx.json")


@nox.session
def demo(session: nox.Session) -> None:
    """Echo a message through every kind of proxy, as a user would do."""
    install(session, package=".[testing]")
    session.run("python", "-m", "trio_wsproxy", "demo")
