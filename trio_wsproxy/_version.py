"""The version, for everything that tells it; pyproject.toml reads it from here."""

VERSION = "0.1.0"
