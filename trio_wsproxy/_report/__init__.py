"""What a connection did and found: stages, evidence, certificates, the dial report."""

from ._dial_report import DialReport

__all__ = ["DialReport"]
