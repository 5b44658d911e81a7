"""The optional C extension; everything else stands in pyproject.toml."""

import sysconfig

from setuptools import Extension, setup

# One build for CPython 3.10 and all later versions. A free-threaded CPython has no stable ABI
# (until 3.15, PEP 803), so there it is built for that very version.
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")

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
            optional=True,  # without a compiler the package does the same in Python
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if STABLE_ABI else {},
)
