"""``--print-completion SHELL``: what makes a shell complete commands and options.

Printed once and kept in a file, so that completing does not start Python. The one importer of
shtab (extra ``cli``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

SHELLS = ("bash", "zsh", "tcsh", "fish")


def add_option(
    parser: argparse.ArgumentParser, make_parser: Callable[[], argparse.ArgumentParser]
) -> None:
    """Add the option.

    Args:
      parser: To add it to.
      make_parser: Makes the same parser under the name that the shell is to complete.

    """
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=SHELLS,
        make_parser=make_parser,
        help="print a script that makes a shell complete this program's arguments, and exit",
    )


class _PrintCompletion(argparse.Action):
    def __init__(
        self,
        *arguments: Any,
        make_parser: Callable[[], argparse.ArgumentParser],
        **keywords: Any,
    ) -> None:
        super().__init__(*arguments, **keywords)
        self._make_parser = make_parser

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        del namespace, option_string
        try:
            import shtab
        except ImportError:
            parser.error("completion needs shtab; run: pip install shtab")
        complete = self._make_parser()
        for action in _actions(complete):
            if action.metavar in ("FILE", "SOURCE"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(complete, str(values)) + "\n")
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All options and arguments, those of the commands included."""
    for action in parser._actions:  # noqa: SLF001  # where shtab looks, too
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)
