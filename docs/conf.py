"""How Sphinx builds the documentation: ``nox -s docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring

sys.path.insert(0, str(Path(__file__).parent))  # the extension house
sys.path.insert(0, str(Path(__file__).parent.parent))  # build what stands here, installed or not

import trio_wsproxy
import trio_wsproxy.httpcore
import trio_wsproxy.httpcore2
import trio_wsproxy.testing

project = "trio_wsproxy"
copyright = "The trio_wsproxy authors"
release = version = trio_wsproxy.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",  # names of Python and trio lead to their documentation
    "sphinxcontrib_trio",  # marks what is awaited and what goes behind "async with"
    "house",  # the picture of the rooms, in architecture.rst
    "drawings",  # layers and states of a connection
    "narrow",  # tables and messages in narrow windows
]

html_theme = "furo"
html_title = f"trio_wsproxy {release}"
html_static_path = ["_static"]
html_extra_path = ["extra"]  # the JSON Schema of the command line, under its own name
html_css_files = ["wrap.css", "house.css"]

add_module_names = False  # the head of a page says where its names are imported from
autodoc_member_order = "bysource"
autodoc_use_legacy_class_based = True  # sphinxcontrib-trio extends these classes (Sphinx 9)
napoleon_use_rtype = False  # "Returns" says what comes back, the signature its type
python_maximum_signature_line_length = 80  # one parameter a line, where there are many
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# Whole inventories are fetched where there is a network. Where there is none, those beside this
# file do, which have the names that these pages use (Sphinx' first format, which is plain text).
# A name that is missing there is a warning: add its line.
intersphinx_mapping = {
    name: (site, (None, str(Path(__file__).parent / "inventories" / f"{name}.txt")))
    for name, site in {
        "python": "https://docs.python.org/3",
        "trio": "https://trio.readthedocs.io/en/stable",
    }.items()
}
intersphinx_timeout = 5  # seconds
# Their names are shown, and lead nowhere: no inventory has them.
nitpick_ignore_regex = [
    (r"py:.*", r"(httpcore2?|httpx2?|trio_websocket)\..*"),
    (r"py:class", r".*\.(ResultT|ServerT|ThingT)"),  # what a function gives, as a type variable
    (r"py:class", r"collections\.abc\.Mapping\[int"),  # which is cut at its comma
]
nitpick_ignore = [
    # Their annotations stay strings, because of Unpack, which Python 3.10 does not have.
    ("py:class", "AbstractAsyncContextManager"),
    ("py:class", "Options"),
]

# trio-websocket's classes are shown, and found, where users of this package import them from.
for name in trio_wsproxy.__all__:
    thing = getattr(trio_wsproxy, name)
    if isinstance(thing, type) and thing.__module__.startswith("trio_websocket."):
        thing.__module__ = "trio_wsproxy"

# Written out, these unions would fill a signature; the reference has an entry for each.
for name in (
    "HeadersArgument",
    "MakeProxyHeaders",
    "ProxyArgument",
    "ProxyHeadersArgument",
    "Trace",
):
    alias = type(name, (), {"__module__": "trio_wsproxy"})
    for module in [m for n, m in sys.modules.items() if n.partition(".")[0] == "trio_wsproxy"]:
        if hasattr(module, name):
            setattr(module, name, alias)


def read_property_like_method(*arguments: Any) -> None:
    """Let a property's docstring have sections, and a colon in its first line.

    Napoleon takes what stands before that colon for a type; an empty comment has none.
    """
    app, what, name, thing, options, lines = arguments  # of "autodoc-process-docstring"
    if what == "property":
        docstring = GoogleDocstring(lines, app.config, app, "method", name, thing, options)
        lines[:] = ["..", "", *docstring.lines()]


def setup(app: Sphinx) -> None:
    """Register the above, before Napoleon's own step, which has priority 500."""
    app.connect("autodoc-process-docstring", read_property_like_method, priority=400)
