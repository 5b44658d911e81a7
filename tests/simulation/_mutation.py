"""What a planted fault is."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """A name, a file of the package, what stands there (once), and what is planted.

    Attributes:
      behaviour: The only behaviour that can meet it, where the others would be a waste of time.

    """

    name: str
    file: str
    before: str
    after: str
    behaviour: str | None = None
