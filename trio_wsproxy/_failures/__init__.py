"""What failed, as a value: where, what kind, what proves it, what to try; and its words.

A :class:`Failure` is made where something fails and travels in an exception. The words in it are
:class:`Words`: a template and what fills it. Options of ours are named by :class:`Topic`, so that
whoever shows the words says what options are called where the reader sits.
"""

from ._failure import Evidence, Failure, Kind, Place, StageName
from ._words import (
    PARAMETERS,
    Topic,
    Value,
    Vocabulary,
    Words,
    render,
    showing_certificate,
    trusting,
    words,
)

__all__ = [
    "PARAMETERS",
    "Evidence",
    "Failure",
    "Kind",
    "Place",
    "StageName",
    "Topic",
    "Value",
    "Vocabulary",
    "Words",
    "render",
    "showing_certificate",
    "trusting",
    "words",
]
