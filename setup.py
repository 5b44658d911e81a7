"""The optional C extension; everything else stands in pyproject.toml."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "trio_wsproxy._websocket._speedups",
            ["trio_wsproxy/_websocket/_speedups.c"],
            py_limited_api=True,  # one build for CPython 3.10 and all later versions
            optional=True,  # without a compiler the package does the same in Python
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
