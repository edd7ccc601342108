"""What a migration's file must not hold, each with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mathison_data.migrations.statements import Found, Scan

_TRANSACTION = {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"}
_OUTSIDE = "add the line `-- transactional: false` at the top, and give it a file of its own"


def not_plain_text(text: str) -> tuple[int, str] | None:
    """Return line and problem of what no SQL file may hold."""
    if text.startswith("\N{BYTE ORDER MARK}"):
        return 1, "begins with a byte order mark: save it as UTF-8 without BOM"
    if (at := text.find("\0")) >= 0:
        return text.count("\n", 0, at) + 1, "holds a zero byte: is this text?"
    return None


def check(found: Scan, transactional: bool) -> Iterator[tuple[int, str]]:
    """Yield line and problem of everything that must not run."""
    for line, command in found.psql_commands:
        yield line, f"`{command.split()[0]}` is a command of psql, not SQL: write out what it would do"
    for statement in found.statements:
        words = statement.words
        if (words[:1] and words[0] in _TRANSACTION) or words[:2] in (
            ["prepare", "transaction"],
            ["set", "transaction"],
        ):
            what = " ".join(words[:2]).upper() if words[0] in ("start", "prepare", "set") else words[0].upper()
            yield statement.line, f"{what}: a migration runs in one transaction that is not its own: take it out"
        elif words[:1] == ["copy"] and ("stdin" in words or "stdout" in words):
            yield statement.line, "COPY from or to the client: write the rows as INSERT ... VALUES"
        elif _is_for_hands(statement):
            yield (
                statement.line,
                "is not supported: it cannot run in a transaction, and could not be run again after a failure; "
                "take it out, and run it by hand",
            )
        elif transactional and needs_no_transaction(words):
            yield statement.line, f"cannot run in a transaction: {_OUTSIDE}"
    work = [statement for statement in found.statements if not is_setting(statement.words)]
    if not work:
        yield 1, "holds nothing to run: write the migration, or delete the file"
    elif not transactional:
        yield from _alone(work, [statement for statement in found.statements if is_setting(statement.words)])


def is_setting(words: list[str]) -> bool:
    """Tell whether a statement only sets or resets a parameter of the session."""
    return words[:1] in (["set"], ["reset"])


def _is_for_hands(statement: Found) -> bool:
    """Tell whether a statement can run neither in a transaction nor twice."""
    words = statement.words
    if words[:2] == ["create", "subscription"]:  # one that makes no slot on the publisher may be in a transaction
        return not re.search(r"(?i)\b(connect|create_slot)\s*=\s*'?(false|off|0)", statement.sql)
    if words[:2] in (["create", "tablespace"], ["drop", "tablespace"]):
        return True
    return words[:2] == ["alter", "table"] and "detach" in words and words[-1:] == ["concurrently"]


def needs_no_transaction(words: list[str]) -> bool:
    """Tell whether PostgreSQL refuses a statement inside of a transaction."""
    if "concurrently" in words[:6] and words[0] in ("create", "drop", "reindex"):
        return True
    if words[:1] == ["alter"] and words[-1:] == ["concurrently"]:  # ... DETACH PARTITION p CONCURRENTLY
        return True
    if words in (["cluster"], ["cluster", "verbose"]) or words[:2] in (["reindex", "database"], ["reindex", "system"]):
        return True
    return words[:1] == ["vacuum"] or words[:2] in (["alter", "system"], ["create", "database"], ["drop", "database"])


def created_index(words: list[str]) -> str | None:
    """Return the name that CREATE INDEX CONCURRENTLY gives, None for any other statement."""
    if words[:1] != ["create"] or "concurrently" not in words[1:4]:
        return None
    rest = words[words.index("concurrently") + 1 :]
    return rest[0] if rest and rest[0] not in ("on", "if") else ""


def dropped_indexes(words: list[str]) -> set[str]:
    """Return what DROP INDEX CONCURRENTLY IF EXISTS drops, schemas left away; nothing for any other statement."""
    if words[:5] != ["drop", "index", "concurrently", "if", "exists"]:
        return set()
    return set(words[5:]) - {"cascade", "restrict"}


# What may stand alone outside of a transaction, for it can be run again after any failure.
_REPEATABLE: list[Callable[[list[str]], bool]] = [
    lambda words: words[0] in ("vacuum", "analyze", "reindex", "cluster", "call"),
    lambda words: words[:4] == ["refresh", "materialized", "view", "concurrently"],
    lambda words: (
        words[:2] == ["alter", "type"]
        and any(words[at : at + 5] == ["add", "value", "if", "not", "exists"] for at in range(2, 8))
    ),
    lambda words: bool(dropped_indexes(words)),
]


def _alone(work: list[Found], settings: list[Found]) -> Iterator[tuple[int, str]]:
    """Check a file that runs without a transaction: it may be cut off anywhere, and must then bear to be run again."""
    *cleanup, main = work
    for statement in settings:
        if statement.words[:2] == ["set", "local"]:
            yield statement.line, "SET LOCAL has no effect without a transaction: write SET"
        elif statement.line > main.line:
            yield statement.line, "put settings before the statement that they are for"
    for statement in cleanup:
        if not dropped_indexes(statement.words):
            yield (
                statement.line,
                "without a transaction a file holds one statement, after DROP INDEX CONCURRENTLY IF EXISTS "
                "of what it is to build: give this one a file of its own",
            )
    index = created_index(main.words)
    if index is not None:
        if not index:
            yield (
                main.line,
                "name the index, and leave IF NOT EXISTS away (it passes over an index that is INVALID): "
                "DROP INDEX CONCURRENTLY IF EXISTS name; CREATE INDEX CONCURRENTLY name ON ...",
            )
        elif not any(index in dropped_indexes(statement.words) for statement in cleanup):
            yield (
                main.line,
                f"put DROP INDEX CONCURRENTLY IF EXISTS {index}; before it: after a failure an INVALID one is left",
            )
    elif not any(is_repeatable(main.words) for is_repeatable in _REPEATABLE):
        yield (
            main.line,
            "runs without a transaction but need not, or could not be run again after a failure. What may: CREATE "
            "INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY IF EXISTS, REINDEX, CLUSTER, VACUUM, ANALYZE, REFRESH "
            "MATERIALIZED VIEW CONCURRENTLY, ALTER TYPE ... ADD VALUE IF NOT EXISTS, CALL of a procedure "
            "that commits as it goes",
        )
