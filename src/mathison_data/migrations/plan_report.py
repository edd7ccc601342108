"""How a plan reads: a short table for the terminal, Markdown for a review, plain data for JSON."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mathison_data.migrations.observe import BLOCKS, MODES, Lock, Observation, Relation
from mathison_data.migrations.rehearsal import Rehearsal
from mathison_data.migrations.sessions import mask

_NARROWEST_STATEMENT = 30
_WIDEST_IN_MARKDOWN = 60
_WORK = ("reads", "writes", "row locks")
_BY_ROWS = ("UPDATE", "DELETE", "MERGE", "DO", "CALL", "SELECT")


@dataclass
class Plan:
    """What was rehearsed and where; `tables` are the target's, with the planner's estimates of their size."""

    target: str
    tables: dict[str, Relation]
    place: str = ""
    live: bool = False
    notes: list[str] = field(default_factory=list)
    rehearsals: list[Rehearsal] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Tell whether every statement that was tried went through."""
        return not any(rehearsal.failed for rehearsal in self.rehearsals)


@dataclass(frozen=True)
class Hold:
    """The strongest lock on a table within a migration, and from which line on each kind of work waits for it."""

    mode: str
    lines: dict[str, int]

    @property
    def blocks(self) -> tuple[str, ...]:
        """What of the work waits in the end."""
        return BLOCKS[self.mode]


def held(rehearsals: Iterable[Rehearsal]) -> dict[str, Hold]:
    """Return what is held on each table; an index's lock counts for its table."""
    holds: dict[str, Hold] = {}
    for rehearsal in rehearsals:
        for statement in rehearsal.statements:
            for lock in statement.observation.locks if statement.observation else []:
                before = holds.get(lock.table, Hold(lock.mode, {}))
                lines = dict.fromkeys(lock.blocks, statement.line) | before.lines
                holds[lock.table] = Hold(max(before.mode, lock.mode, key=MODES.index), lines)
    return holds


def waits(blocks: Sequence[str]) -> str:
    """Say in words which work of the application waits."""
    return f"{' and '.join(blocks)} wait" if blocks else "no read or write waits"


def text(plan: Plan) -> str:
    """Return the plan for a terminal."""
    if not plan.rehearsals:
        return "nothing is pending"
    out = [_headline(plan), *(f"note: {note}" for note in plan.notes)]
    for rehearsal in plan.rehearsals:
        out += ["", _title(rehearsal)]
        rows, idle = _rows(plan, rehearsal)
        if rows:
            out += _table(rows)
        out += [f"  {line}" for line in _remarks(rehearsal, idle)]
    return "\n".join([*out, "", *_footnotes(plan)]).rstrip()


def markdown(plan: Plan) -> str:
    """Return the plan as Markdown, fit to paste into a review."""
    if not plan.rehearsals:
        return "Nothing is pending."
    out = ["## Migration plan", "", _headline(plan), "", *(f"- note: {_escaped(note)}" for note in plan.notes)]
    for rehearsal in plan.rehearsals:
        out += ["", f"### {_title(rehearsal)}", ""]
        rows, idle = _rows(plan, rehearsal)
        if rows:
            out += ["| line | statement | locks | waits | work | ms |", "| ---: | --- | --- | --- | --- | ---: |"]
            for row in rows:
                statement = f"`{_escaped(_shortened(row.statement, _WIDEST_IN_MARKDOWN).replace('`', chr(39)))}`"
                cells = [_escaped("; ".join(lines)) for lines in (row.locks, row.waits, row.work)]
                out.append(f"| {row.line} | {statement} | {' | '.join(cells)} | {row.time} |")
            out.append("")
        out += [f"- {_escaped(line)}" for line in _remarks(rehearsal, idle)]
    return "\n".join([*out, "", *(_escaped(line) for line in _footnotes(plan))]).rstrip()


def data(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON has it: everything that was seen, and the sizes of the tables that it touches."""
    plain = dataclasses.asdict(plan) | {"good": plan.good}
    touched = {name for rehearsal in plan.rehearsals for name in _touched(rehearsal)}
    sizes = {name: {"rows": table.rows, "bytes": table.bytes} for name, table in plan.tables.items() if name in touched}
    plain["tables"] = sizes
    for rehearsal in plain["rehearsals"]:
        holds: dict[str, str] = {}
        for statement in rehearsal["statements"]:
            statement["sql"] = mask(statement["sql"])
            statement["held_before"] = dict(holds)
            for lock in (statement["observation"] or {"locks": []})["locks"]:
                lock["blocks"] = BLOCKS[lock["mode"]]
                if rehearsal["transactional"]:
                    holds[lock["relation"]] = max(holds.get(lock["relation"], MODES[0]), lock["mode"], key=MODES.index)
    return plain


@dataclass(frozen=True)
class _Row:
    line: int
    statement: str
    locks: list[str]
    waits: list[str]
    work: list[str]
    time: str

    @property
    def height(self) -> int:
        return max(1, len(self.locks), len(self.work))


def _rows(plan: Plan, rehearsal: Rehearsal) -> tuple[list[_Row], dict[bool, int]]:
    """Return a row for each statement that touched what was there before; of the others, how many there are.

    These are counted apart: before the transaction holds a lock, and while it holds one that they may need as well.
    """
    rows = []
    idle = {False: 0, True: 0}
    since: dict[str, tuple[str, int]] = {}  # the strongest lock so far on each relation, and the line that took it
    for statement in rehearsal.statements:
        seen = statement.observation
        if statement.error:
            rows.append(
                _Row(statement.line, statement.sql, ["FAILS"], [], [statement.error], f"{statement.milliseconds:.0f}")
            )
        elif seen and (locks := worth_telling(seen)) + (work := list(_work(plan, rehearsal, seen))):
            told, waiting = [], []
            for lock in locks:
                mode, line = since.get(lock.relation, (MODES[0], 0))
                if rehearsal.transactional and MODES.index(mode) >= MODES.index(lock.mode):
                    told.append(f"(held on {lock.relation} since line {line})")
                    waiting.append("")
                else:
                    kind = "" if lock.kind == "table" else f"{lock.kind} "
                    told.append(f"{lock.mode} on {kind}{lock.relation}")
                    waiting.append(", ".join(lock.blocks) or _row_locks(seen))
                    since[lock.relation] = (lock.mode, statement.line)
            rows.append(_Row(statement.line, statement.sql, told, waiting, work, f"{seen.milliseconds:.0f}"))
        elif seen and seen.tag not in ("SET", "RESET"):
            idle[bool(since) and rehearsal.transactional] += 1
    return list(_folded(rows)), idle


def _folded(rows: list[_Row]) -> Iterator[_Row]:
    """Make one row of neighbours that did the same by the same kind of statement: a thousand INSERTs of a row each."""
    for _key, group in itertools.groupby(
        rows, lambda row: (_flat(row.statement).split(" ")[0].upper(), row.locks, row.waits, row.work)
    ):
        first, *others = group
        if others:
            more = f"and {len(others):,} more like it, to line {others[-1].line}"
            time = sum(float(row.time or 0) for row in (first, *others))
            first = dataclasses.replace(first, work=[*first.work, more], time=f"{time:.0f}")
        yield first


def _row_locks(seen: Observation) -> str:
    """Tell what waits for a statement whose locks on tables let everyone pass."""
    return "writes to those rows" if seen.tag.startswith(("UPDATE", "DELETE", "MERGE")) else "nothing"


def worth_telling(seen: Observation) -> list[Lock]:
    """Leave out what goes without saying: the locks of plain reading, and index locks that add nothing."""
    by_table = {lock.relation: set(lock.blocks) for lock in seen.locks if lock.kind != "index"}
    return [
        lock
        for lock in seen.locks
        if lock.mode != "ACCESS SHARE"
        and (lock.kind != "index" or lock.table not in by_table or not set(lock.blocks) <= by_table[lock.table])
    ]


def _work(plan: Plan, rehearsal: Rehearsal, seen: Observation) -> Iterator[str]:
    if seen.sampled:
        yield "locks seen by sampling; may be incomplete"
    for name in seen.dropped:
        kind, _, plain = name.rpartition(" ")
        yield f"drops {kind} {plain}{_size(plan, plain)}"
    for name in seen.rewritten:
        yield f"rewrites {name}{_size(plan, name)}"
    for name in seen.emptied:
        yield f"empties {name}{_size(plan, name)}"
    for name in seen.rebuilt:
        yield f"rebuilds index {name}"
    for index, _table_of_it in seen.built:
        yield f"builds index {index}"
    for table in dict.fromkeys(table for _index, table in seen.built):
        yield f"reads all of {table}{_size(plan, table)}"
    planners_choice = seen.is_data_command and rehearsal.on == "scratch"
    for name in [] if planners_choice else seen.scanned:
        yield f"reads all of {name}{_size(plan, name)}"
    for name, changes in seen.rows.items():
        yield ", ".join(f"{change} {count:,} rows" for change, count in changes.items()) + f" of {name}"
    if planners_choice and seen.tag.startswith(("UPDATE", "DELETE", "MERGE")) and not seen.rows:
        yield "rows: the scratch database has none"


def _size(plan: Plan, name: str) -> str:
    """Tell how large a table of the target is, by the planner's estimates."""
    table = plan.tables.get(name)
    if table is None:
        return ""
    rows = f"~{_short(table.rows)} rows" if table.rows is not None else "rows unknown, never analysed"
    return f" ({rows}, {_bytes(table.bytes)})" if table.bytes else f" ({rows})"


def _short(number: int) -> str:
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if number >= size:
            return f"{number / (1000 if unit == 'k' else size):.3g}{unit}"
    return f"{number:,}"


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def _headline(plan: Plan) -> str:
    where = f"on a scratch database ({plan.place}) with the schema of the target"
    if plan.live:
        where = "on the target itself, rolled back"
    return f"{len(plan.rehearsals)} pending, rehearsed {where}: {plan.target}"


def _title(rehearsal: Rehearsal) -> str:
    how = "one transaction" if rehearsal.transactional else "outside a transaction"
    count = len(rehearsal.statements)
    if rehearsal.not_rehearsed and not rehearsal.statements:
        return f"{rehearsal.id}: not rehearsed"
    return f"{rehearsal.id} ({how}, {count} statement{'s' * (count != 1)}, {rehearsal.milliseconds:.0f} ms)"


def _remarks(rehearsal: Rehearsal, idle: dict[bool, int]) -> Iterator[str]:
    if rehearsal.not_rehearsed:
        yield f"NOT REHEARSED{' on the target' if rehearsal.statements else ''}: {rehearsal.not_rehearsed}"
    if rehearsal.transactional:
        for table, hold in held([rehearsal]).items():
            for line in dict.fromkeys(hold.lines.values()) if len(rehearsal.statements) > 1 else []:
                kinds = [kind for kind in _WORK if hold.lines.get(kind) == line]
                until = f"until the migration commits{_for(rehearsal, line)}"
                yield f"{table}: {waits(kinds)} from line {line} {until}"
    if count := idle[False]:
        yield f"{count} statement{'s' * (count != 1)} touch{'es' * (count == 1)} nothing that was there before"
    if count := idle[True]:
        yield f"{count} statement{'s' * (count != 1)} take{'s' * (count == 1)} no further lock"
    lines: dict[tuple[str, str], list[int]] = {}
    for finding in rehearsal.squawk:
        lines.setdefault((finding["rule"], finding["message"]), []).append(finding["line"])
    for (rule, message), at in lines.items():
        more = f" and {len(at) - 1:,} more" if len(at) > 1 else ""
        yield f"squawk, line {at[0]}{more}, {rule}: {message}"


def _for(rehearsal: Rehearsal, line: int) -> str:
    """Tell how long a lock is held from a line on; on empty tables that would say nothing."""
    if rehearsal.on == "scratch":
        return ""
    after = [each for each in rehearsal.statements if each.line >= line]
    return f", {sum(each.milliseconds for each in after):.0f} ms"


def _footnotes(plan: Plan) -> Iterator[str]:
    seen = [s.observation for r in plan.rehearsals if r.on == "scratch" for s in r.statements if s.observation]
    if any(each.scanned or each.built for each in seen if not each.is_data_command):
        yield "The scratch database has no rows: whether the existing ones pass a check is for --live to tell."
    statements = [s for r in plan.rehearsals if r.on == "scratch" for s in r.statements if s.observation]
    if any(_depends_on_rows(s.observation.tag, s.sql) for s in statements if s.observation):
        yield "Locks that depend on rows (cascades, triggers, DO, functions) show with --live."
    if seen and not plan.live:
        yield "Times are of empty tables. Sizes are the planner's estimates of the target."


def _depends_on_rows(tag: str, sql: str) -> bool:
    return tag.startswith(_BY_ROWS) or (tag.startswith("INSERT") and "select" in sql.lower())


def _touched(rehearsal: Rehearsal) -> Iterator[str]:
    for statement in rehearsal.statements:
        seen = statement.observation
        if seen:
            yield from (lock.table for lock in seen.locks)
            yield from seen.rows


def _table(rows: list[_Row]) -> list[str]:
    """Lay the rows out in columns; where the terminal is too narrow, each statement gets a line above its details."""
    width = shutil.get_terminal_size((120, 24)).columns
    heads = ["locks", "waits", "work"]
    details = [
        [
            [lines[at] if at < len(lines) else "" for lines in (row.locks, row.waits, row.work)]
            for at in range(row.height)
        ]
        for row in rows
    ]
    needs = [
        max(map(len, column)) for column in zip(heads, *(line for lines in details for line in lines), strict=True)
    ]
    left = max(len("line"), *(len(str(row.line)) for row in rows)), max(2, *(len(row.time) for row in rows))
    indent = 2 + left[0] + 2 + left[1] + 2
    room = min(width - indent - sum(needs) - 6, max(len(_flat(row.statement)) for row in rows))
    narrow = room < _NARROWEST_STATEMENT
    if narrow:
        room = width - indent

    def one(line: str, time: str, statement: str, cells: list[str]) -> list[str]:
        padded = "  ".join(cell.ljust(need) for cell, need in zip(cells, needs, strict=True))
        front = f"  {line.rjust(left[0])}  {time.rjust(left[1])}  {_shortened(statement, room).ljust(room)}"
        if not narrow:
            return [f"{front}  {padded}".rstrip()]
        return [*([front.rstrip()] if line else []), f"{' ' * indent}  {padded}".rstrip()]

    out = one("line", "ms", "statement", heads)
    for row, lines in zip(rows, details, strict=True):
        out += one(str(row.line), row.time, row.statement, lines[0])
        for cells in lines[1:]:
            out += one("", "", "", cells)
    return out


def _flat(statement: str) -> str:
    lines = (line for line in statement.split("\n") if not line.strip().startswith("--"))
    return " ".join(" ".join(lines).split())


def _shortened(statement: str, width: int) -> str:
    flat = mask(_flat(statement))
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
