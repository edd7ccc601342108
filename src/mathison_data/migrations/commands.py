"""The commands `mathison-data migrate …`."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_to(parser: argparse.ArgumentParser, *, epilog: str) -> None:
    """Add the subcommands to the parser of `mathison-data migrate`."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"example:\n  {example}\n\n{epilog}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    add("apply", apply, "apply what is pending", "mathison-data migrate apply")


def apply(_arguments: argparse.Namespace) -> int:
    """Apply what is pending."""
    raise NotImplementedError
