"""A WebSocket client for trio that connects through any proxy.

::

    from trio_wsproxy import open_websocket_url

    async with open_websocket_url("wss://example.org/chat") as ws:
        await ws.send("hello")
        print(await ws.receive())
"""

from . import _version

__version__ = _version.VERSION

TYPE_CHECKING = False  # typing takes longer than all the rest, and Ctrl-C is not yet quiet here
if TYPE_CHECKING:
    from ._face import *  # noqa: F403  # what type checkers see
    from ._face import __all__ as __all__  # a re-export
else:  # all of it is imported when the first name is wanted: see _face
    del TYPE_CHECKING

    def __getattr__(name: str) -> object:
        """Import the public names."""
        if name == "__all__" or not name.startswith("_"):
            from importlib import import_module

            face = import_module(f"{__name__}._face")
            globals().update({key: getattr(face, key) for key in (*face.__all__, "__all__")})
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

    def __dir__() -> list[str]:
        """All that can be had."""
        return sorted({*globals(), *__getattr__("__all__")})
