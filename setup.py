"""The optional C extension; everything else stands in pyproject.toml.

Without a compiler the package does the same in Python. A wheel that is built there has no extension
in it, so it is made a pure one (``py3-none-any``): what it is called is what it is.
"""

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


setup(
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
