"""All readers of foreign text, by name."""

from __future__ import annotations

from . import _answers, _frames, _texts
from ._reader import Reader

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        _frames.FRAMES,
        _frames.MASKING,
        _answers.CONNECT,
        _answers.SOCKS,
        _answers.UPGRADE,
        _texts.CHALLENGES,
        _texts.certificates(),
        _texts.TARGETS,
        _texts.PROXIES,
        _texts.NO_PROXY,
        _texts.NETRC,
        _texts.REDIRECTS,
        _texts.HINTS,
        _texts.REDACTION,
    )
}
