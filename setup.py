"""The optional C extension, and README for the package index; the rest stands in pyproject.toml.

Without a compiler the package does the same in Python. A wheel that is built there has no extension
in it, so it is made a pure one (``py3-none-any``): what it is called is what it is.
"""

import re
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

# One build for CPython 3.10 and all later versions. A free-threaded CPython has no stable ABI
# (until 3.15, PEP 803), so there it is built for that very version.
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")


class BuildExtension(build_ext):
    """Forget an extension that could not be built."""

    def run(self) -> None:
        """Build, then look what has become of it."""
        super().run()
        built = [x for x in self.extensions if Path(self.get_ext_fullpath(x.name)).exists()]
        self.distribution.ext_modules = self.extensions = built


class BuildWheel(bdist_wheel):
    """Call a wheel without an extension pure."""

    def run(self) -> None:
        """Build the extension first: it decides where in the wheel everything lies."""
        if not self.skip_build:
            self.run_command("build_ext")
        if not self.distribution.has_ext_modules():
            self.root_is_pure = True
            self.py_limited_api = False
        super().run()


# README's links and pictures lead to files beside it, so that they are right in every clone and on
# every forge. The package index has no such files, so there they lead to the repository.
REPOSITORY = "https://github.com/trio-wsproxy/trio-wsproxy"
RAW = "https://raw.githubusercontent.com/trio-wsproxy/trio-wsproxy/main"


def described() -> str:
    """README as the package index shows it."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    text = re.sub(r"((?:!\[[^]]*\]\()|(?:href|src|srcset)=\")(?!\w+:)", rf"\1{RAW}/", text)
    return re.sub(r"(\]\()(?!\w+:)", rf"\1{REPOSITORY}/blob/main/", text)


setup(
    long_description=described(),
    long_description_content_type="text/markdown",
    ext_modules=[
        Extension(
            "trio_wsproxy._websocket._speedups",
            ["trio_wsproxy/_websocket/_speedups.c"],
            py_limited_api=STABLE_ABI,
            # Python.h does not tell an extension of Windows' free-threaded builds by itself.
            define_macros=[
                ("Py_LIMITED_API", "0x030A0000") if STABLE_ABI else ("Py_GIL_DISABLED", "1")
            ],
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildExtension, "bdist_wheel": BuildWheel},
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if STABLE_ABI else {},
)
