"""Have cyclonedx-py look at an environment, and add what it cannot know of this package.

``python packaging/sbom.py ENVIRONMENT OUTPUT``; ``nox -s sbom`` makes the environment.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def version() -> str:
    """Give the version, which pyproject.toml does not have."""
    text = (ROOT / "trio_wsproxy" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^VERSION = "(.+)"$', text, re.MULTILINE)
    assert found is not None
    return found[1]


def main(environment: str, output: str) -> None:
    """Write the bill of materials."""
    command = ["cyclonedx_py", "environment", "--mc-type", "library", "--short-PURLs"]
    command += ["--output-reproducible", "--pyproject", str(ROOT / "pyproject.toml"), environment]
    done = subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    bill = json.loads(done.stdout)
    bill["metadata"]["component"] |= {
        "version": version(),
        "purl": f"pkg:pypi/trio-wsproxy@{version()}",
    }
    text = json.dumps(bill, indent=2, ensure_ascii=False) + "\n"
    Path(output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
