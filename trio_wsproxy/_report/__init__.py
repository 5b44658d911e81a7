"""What a connection did and found: stages, evidence, certificates, the dial report and its drawing."""

from ._certificates import Certificate, read_certificate
from ._dial_report import DialReport, reporting
from ._drawing import draw, duration_of
from ._evidence import TLS, Addresses, Attempt, Attempts, HTTPAnswer, ScriptAnswer, SocksAnswer
from ._stages import Running, Stage, StageLog, Trace, stage_objects

__all__ = [
    "TLS",
    "Addresses",
    "Attempt",
    "Attempts",
    "Certificate",
    "DialReport",
    "HTTPAnswer",
    "Running",
    "ScriptAnswer",
    "SocksAnswer",
    "Stage",
    "StageLog",
    "Trace",
    "draw",
    "duration_of",
    "read_certificate",
    "reporting",
    "stage_objects",
]
