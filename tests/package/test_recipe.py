"""What is prepared for other indexes says the same as pyproject.toml."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import trio_wsproxy

yaml: Any = pytest.importorskip("yaml")  # of the dependency group "test"; it has no types
# Python 3.10 has it from pytest, which needs it there.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = yaml.safe_load((ROOT / "packaging/conda-forge/recipe.yaml").read_text(encoding="utf-8"))
BILL = json.loads((ROOT / "packaging/sbom.cdx.json").read_text(encoding="utf-8"))


def parts(requirement: str) -> tuple[str, str]:
    """Name and versions of a requirement, as the index or conda writes it."""
    found = re.fullmatch(
        r"([\w.-]+)(?:\[\w+\])?\s*([<>=,.\d]*)", requirement.split(";", maxsplit=1)[0].strip()
    )
    assert found is not None, requirement
    return found[1], ",".join(sorted(found[2].split(",")))


def test_recipe() -> None:
    """The recipe has version, licence, command and requirements of the package, and no others."""
    assert RECIPE["context"]["version"] == trio_wsproxy.__version__
    assert RECIPE["about"]["license"] == PROJECT["license"]
    assert RECIPE["about"]["summary"] == PROJECT["description"]
    assert RECIPE["about"]["documentation"] == PROJECT["urls"]["Documentation"]
    (command,) = PROJECT["scripts"].items()
    assert RECIPE["build"]["python"]["entry_points"] == [" = ".join(command)]
    run = {parts(item) for item in RECIPE["requirements"]["run"] if item != "python"}
    assert run == {parts(item) for item in PROJECT["dependencies"]}
    minimum = RECIPE["context"]["python_min"]
    assert PROJECT["requires-python"] == f">={minimum}"


def test_constraints_of_the_recipe() -> None:
    """What it asks of optional libraries is what the extras ask."""
    extras = {parts(item) for items in PROJECT["optional-dependencies"].values() for item in items}
    assert {parts(item) for item in RECIPE["requirements"]["run_constraints"]} <= extras


def test_bill_of_materials() -> None:
    """It is of this version, and has all that the package depends on, with a licence and a version each."""
    assert (BILL["bomFormat"], BILL["specVersion"]) == ("CycloneDX", "1.6")
    component = BILL["metadata"]["component"]
    assert component["purl"] == f"pkg:pypi/{PROJECT['name']}@{trio_wsproxy.__version__}"
    assert component["licenses"][0]["license"]["id"] == PROJECT["license"]
    names = {item["name"] for item in BILL["components"]}
    assert {parts(item)[0] for item in PROJECT["dependencies"]} <= names
    for item in BILL["components"]:
        assert item["licenses"], item["name"]
        assert item["purl"] == f"pkg:pypi/{item['name']}@{item['version']}"
    assert "/" not in json.dumps([item["bom-ref"] for item in BILL["components"]])
