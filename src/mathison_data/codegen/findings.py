"""What is wrong with a query file, each fault with its place: collected first, printed together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One fault: where, what, and what to do."""

    path: str
    line: int
    column: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """One line: `path:line:col: what. hint`."""
        return f"{self.path}:{self.line}:{self.column}: {self.what}." + (f" {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class Source:
    """A query file: its path as findings show it, and its text."""

    path: str
    text: str

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def finding(self, offset: int, what: str, hint: str = "") -> Finding:
        """Return a finding at an offset of the text."""
        return Finding(self.path, *self.position(offset), what, hint)


def did_you_mean(wrong: str, names: Iterable[str], shown: str = "{}") -> str:
    """Return `Did you mean x?` for the nearest name, or nothing when none is near."""
    by_lower = {name.lower(): name for name in sorted(names)}
    near = difflib.get_close_matches(wrong.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {shown.format(by_lower[near[0]])}?" if near else ""
