"""Tells from a query's plan which of its columns can be null; needs no database.

PostgreSQL says of a column which table's column it comes from, and that says NOT NULL; but an outer join, a grouping
set or RETURNING old may put null in its place. The generic plan (EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON)) shows
where: it has no arguments, so that nothing of the query is folded away. What is not certain counts as nullable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PlanNode = Mapping[str, Any]

# The side that a join pads with nulls where it finds no match. An anti join does too: LEFT JOIN b ... WHERE b.id IS
# NULL becomes one, and its columns of b are all null.
_PADDED = {
    "Left": ("Inner",),
    "Anti": ("Inner",),
    "Right": ("Outer",),
    "Right Anti": ("Outer",),
    "Full": ("Inner", "Outer"),
}
# Scans of something whose own columns are hidden: what was null-extended within it looks whole from outside.
_OPAQUE = frozenset(
    {"CTE Scan", "Subquery Scan", "WorkTable Scan", "Function Scan", "Table Function Scan", "Values Scan"}
)


def nullable(plan: PlanNode, not_null: Sequence[bool]) -> list[bool]:
    """Tell of each result column whether it can be null.

    `not_null` tells of each whether it comes from a table's column that is NOT NULL; false when it is computed.
    """
    facts = _Facts()
    facts.collect(plan)
    outputs = _root_output(plan)
    found = []
    for position, certain in enumerate(not_null):
        text = outputs[position] if position < len(outputs) else ""
        found.append(not certain or facts.may_be_null(text))
    return found


def relations(plan: PlanNode) -> set[str]:
    """Return the tables that a plan reads or writes, of schema public."""
    return {
        node["Relation Name"]
        for node in _nodes(plan)
        if node.get("Schema", "public") == "public" and "Relation Name" in node
    }


def only_reads(plan: PlanNode) -> bool:
    """Tell whether a plan changes no row and locks none; what its functions do it does not show."""
    return all(node["Node Type"] not in ("ModifyTable", "LockRows") for node in _nodes(plan))


def _nodes(plan: PlanNode) -> Iterator[PlanNode]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@dataclass
class _Facts:
    """What a whole plan says that bears on nulls."""

    aliases: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    padded_aliases: set[str] = field(default_factory=set)
    padded_outputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    grouping_sets: bool = False
    pads: bool = False

    def collect(self, node: PlanNode, padded: bool = False) -> None:
        """Take in a node and all below it; `padded` when a join above may put nulls in place of its rows."""
        names = self._names(node)
        self.aliases |= names
        if node["Node Type"] in _OPAQUE:
            self.opaque |= names
        self.outputs.update(node.get("Output", ()))
        if padded:
            self.padded_aliases |= names
            self.padded_outputs.update(node.get("Output", ()))
        self.grouping_sets |= "Grouping Sets" in node
        sides = _PADDED.get(node.get("Join Type", ""), ())
        self.pads |= bool(sides)
        for child in node.get("Plans", ()):
            self.collect(child, padded or child.get("Parent Relationship") in sides)

    def _names(self, node: PlanNode) -> set[str]:
        alias = node.get("Alias")
        if alias is None:
            return set()
        stem, _, number = alias.rpartition("_")
        # A partition is scanned as orders_1, while its columns are told of as those of orders.
        return {alias, stem} if number.isdigit() and node.get("Parent Relationship") == "Member" else {alias}

    def may_be_null(self, text: str) -> bool:
        """Tell whether nulls may appear in a column that the root shows as this text."""
        reference = _reference(text)
        if reference is None or self.grouping_sets or text in self.padded_outputs:
            return True
        alias = reference[0]
        if alias is None:
            return self.pads or len(self.aliases) > 1
        if alias not in self.aliases or alias in self.padded_aliases:
            return True  # of no scan: RETURNING old.x, by whatever name old goes
        return alias in self.opaque and (self.pads or self._returns_old_rows())

    def _returns_old_rows(self) -> bool:
        """Whether a RETURNING, perhaps within a CTE, speaks of old or new rows, of which there may be none."""
        references = (_reference(text) for text in self.outputs)
        return any(found and found[0] is not None and found[0] not in self.aliases for found in references)


def _root_output(plan: PlanNode) -> Sequence[str]:
    """Return what the root puts out; Append and its like don't show it, but their first child does."""
    while "Output" not in plan:
        members = [child for child in plan.get("Plans", ()) if child.get("Parent Relationship") in ("Member", "Outer")]
        if not members:
            return ()
        plan = members[0]
    output: Sequence[str] = plan["Output"]
    return output


def _reference(text: str) -> tuple[str | None, str] | None:
    """Take `alias.column` or `column` apart, quoted or not; None for anything else."""
    names: list[str] = []
    rest = text
    while rest:
        name, rest = _identifier(rest)
        if not name or len(names) == 2:
            return None
        names.append(name)
        if rest and not rest.startswith("."):
            return None
        rest = rest[1:]
    if not names or text.endswith("."):
        return None
    return (names[0], names[1]) if len(names) == 2 else (None, names[0])


def _identifier(text: str) -> tuple[str, str]:
    """Return the name that the text begins with, without its quotes, and what follows it."""
    if not text.startswith('"'):
        end = next((i for i, character in enumerate(text) if not (character.isalnum() or character in "_$")), len(text))
        return ("", text) if text[:1].isdigit() else (text[:end], text[end:])
    end = 1
    while end < len(text):
        if text.startswith('""', end):
            end += 2
        elif text[end] == '"':
            return text[1:end].replace('""', '"'), text[end + 1 :]
        else:
            end += 1
    return "", text
