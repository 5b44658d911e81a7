"""The log of one connection: each record says which."""

from __future__ import annotations

import itertools
import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

logger = logging.getLogger("trio_wsproxy")
ids = itertools.count(1)  # of connections, in log records

if TYPE_CHECKING:
    _LoggerAdapter = logging.LoggerAdapter[logging.Logger]
else:
    _LoggerAdapter = logging.LoggerAdapter  # takes no type before Python 3.11


class ConnectionLog(_LoggerAdapter):
    """Puts the connection's id into each record, in the text and as ``connection_id``."""

    def process(
        self, msg: str, kwargs: MutableMapping[str, Any]
    ) -> tuple[str, MutableMapping[str, Any]]:
        assert self.extra is not None
        extra = {**self.extra, "said": msg}  # without the id, for whoever shows one connection
        return f"[ws-{self.extra['connection_id']}] {msg}", {**kwargs, "extra": extra}
