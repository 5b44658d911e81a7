"""The version, for everything that tells it; pyproject.toml has it too."""

VERSION = "0.1.0"
