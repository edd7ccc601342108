"""What PostgreSQL did for one statement: locks, rewrites, scans, rows, as its own catalogs and counters show them.

Nothing is inferred from the SQL. A transaction keeps its locks to its end, and sees its own new file numbers and
counters, so that for a transactional statement all is read on the very same session right after it. A statement that
ends its own transactions (CREATE INDEX CONCURRENTLY) is watched from a second session; see `watched`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import TransactionStatus

# From the weakest to the strongest, with the work of an application that must wait for it: PostgreSQL's documentation,
# "Explicit Locking", table "Conflicting Lock Modes". SELECT takes ACCESS SHARE, SELECT FOR UPDATE takes ROW SHARE, and
# INSERT, UPDATE and DELETE take ROW EXCLUSIVE; modes that block none of these hold up VACUUM and other migrations only.
BLOCKS: dict[str, tuple[str, ...]] = {
    "ACCESS SHARE": (),
    "ROW SHARE": (),
    "ROW EXCLUSIVE": (),
    "SHARE UPDATE EXCLUSIVE": (),
    "SHARE": ("writes",),
    "SHARE ROW EXCLUSIVE": ("writes",),
    "EXCLUSIVE": ("writes", "row locks"),
    "ACCESS EXCLUSIVE": ("reads", "writes"),
}
MODES = tuple(BLOCKS)
_NEW_FILE = frozenset(MODES[MODES.index("SHARE") :])
_KINDS = {"r": "table", "p": "table", "i": "index", "I": "index", "m": "materialized view", "v": "view"} | {
    "S": "sequence",
    "f": "foreign table",
}
_DATA_COMMANDS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})

# Every relation of the users, by plain catalogs alone: no name resolution, no lock on any of them.
_RELATIONS = """
SELECT
  c.oid::bigint,
  CASE WHEN n.nspname = 'public' THEN '' ELSE pg_catalog.quote_ident(n.nspname) || '.' END
    || pg_catalog.quote_ident(c.relname),
  c.relkind::text,
  i.indrelid::bigint,
  pg_catalog.pg_relation_filenode(c.oid)::bigint,
  CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END,
  c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE c.relkind = ANY ('{r,p,i,I,m,v,S,f}') AND n.nspname !~ '^(pg_|information_schema$)'
"""
_LOCKS = """
SELECT relation::bigint, mode
FROM pg_catalog.pg_locks
WHERE pid = %s AND locktype = 'relation' AND relation >= 16384
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""
# The transaction's own counters; for a statement that ends its own transactions the lasting ones, which a test or
# scratch database shares with nobody.
_COUNTERS = """
SELECT
  c.oid::bigint,
  pg_catalog.pg_stat_get_{0}numscans(c.oid),
  pg_catalog.pg_stat_get_{0}tuples_inserted(c.oid),
  pg_catalog.pg_stat_get_{0}tuples_updated(c.oid),
  pg_catalog.pg_stat_get_{0}tuples_deleted(c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.relkind = ANY ('{{r,m}}') AND c.oid >= 16384
"""

_ALIVE = """
SELECT c.oid::bigint
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE c.oid = ANY (%s::oid[]) AND i.indislive IS NOT FALSE
"""
_SIZES = "SELECT oid::bigint, pg_catalog.pg_relation_size(oid) FROM pg_catalog.unnest(%s::oid[]) AS oid"
# LOCK knows no materialized view, but a comment on one takes SHARE UPDATE EXCLUSIVE, and is rolled back.
_LOCK_ALL = """
SELECT pg_catalog.format(
  CASE c.relkind
    WHEN 'm' THEN 'COMMENT ON MATERIALIZED VIEW %%I.%%I IS NULL' ELSE 'LOCK TABLE ONLY %%I.%%I IN %%s MODE'
  END,
  n.nspname, c.relname, mode)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN (SELECT %s::text) AS wanted (mode)
WHERE (c.relkind IN ('r', 'p') OR (c.relkind = 'm' AND mode = 'SHARE UPDATE EXCLUSIVE'))
  AND n.nspname !~ '^(pg_|information_schema$)'
"""

Locks = set[tuple[int, str]]
Counters = dict[int, tuple[int, int, int, int]]


@dataclass(frozen=True)
class Relation:
    """A table, an index or the like: `table` is the oid of an index's table; rows and bytes are the planner's."""

    oid: int
    name: str
    kind: str
    table: int | None
    filenode: int | None
    rows: int | None
    bytes: int


@dataclass(frozen=True)
class Lock:
    """A lock that a statement took on a relation that was there before; `table` differs from it for an index."""

    relation: str
    kind: str
    table: str
    mode: str

    @property
    def blocks(self) -> tuple[str, ...]:
        """What of an application's work on the table waits while the lock is held.

        An index counts like its table, for the planner opens every index of a table that it plans for.
        """
        return BLOCKS[self.mode]


@dataclass
class Observation:
    """What one statement did; every name is of a relation that was there before it, `built` excepted."""

    tag: str = ""
    sampled: bool = False  # it ended transactions of its own, of which locks may have been missed
    milliseconds: float = 0.0
    locks: list[Lock] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)  # tables whose rows were all written anew
    rebuilt: list[str] = field(default_factory=list)  # indexes built anew on tables that were not rewritten
    built: list[tuple[str, str]] = field(default_factory=list)  # new index, and the existing table it is on
    scanned: list[str] = field(default_factory=list)  # tables read from end to end, and not for one of the above
    emptied: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)  # kind and name
    rows: dict[str, dict[str, int]] = field(default_factory=dict)  # table: {"inserted", "updated", "deleted"}

    @property
    def is_data_command(self) -> bool:
        """Tell whether the statement works on rows: whether it scans is then the planner's choice, by their number."""
        return self.tag.split(" ")[0] in _DATA_COMMANDS


def relations(connection: psycopg.Connection) -> dict[int, Relation]:
    """Return the relations of the users by oid."""
    rows = connection.execute(_RELATIONS).fetchall()
    return {row[0]: Relation(row[0], row[1], _KINDS[row[2]], *row[3:]) for row in rows}


class Observer:
    """Runs statements on a session and sees what each does to the relations that were there when it was made.

    The session is in autocommit mode, and nothing else uses its database or, on a live one, its transaction.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._pid = connection.info.backend_pid
        self.existing = relations(connection)
        self._relations = self.existing
        self._taken: Locks = set()
        self._counted: Counters = {}

    def begin(self) -> None:
        """Begin the transaction that the next statements run in."""
        self._connection.execute("BEGIN")
        self._relations = relations(self._connection)
        self._taken, self._counted = set(), self._counters("xact_")

    def run(self, statement: str) -> Observation:
        """Run one statement in the open transaction, and see what it did. Raises psycopg.Error as it comes."""
        tag, seconds = execute(self._connection, statement)
        if self._connection.info.transaction_status is not TransactionStatus.INTRANS:
            raise AssertionError("the statement ended the transaction that it was rehearsed in")
        taken, counted = _locks(self._connection, self._pid), self._counters("xact_")
        seen = Observation(tag=tag, milliseconds=seconds * 1000, locks=self._new_locks(taken - self._taken))
        if (not seen.is_data_command and tag != "SET") or any(mode_name(mode) in _NEW_FILE for _, mode in taken):
            # A function may do anything, but for a new file it holds a strong lock.
            after = relations(self._connection)
            # Without a lock of ours, on a live database, it was another session: REFRESH MATERIALIZED VIEW, TRUNCATE.
            locked = {oid for oid, _mode in taken}
            ours = {r.oid: r for r in self._relations.values() if r.oid in locked or r.table in locked}
            self._compare_files(seen, ours, after, self._truncated(seen, ours, after, counted))
            self._relations = after
        self._compare_counters(seen, self._counted, counted)
        self._taken, self._counted = taken, counted
        return seen

    def run_alone(self, statement: str, watcher: psycopg.Connection) -> Observation:
        """Run one statement that cannot be in a transaction; the watcher is a second session on the same database."""
        before, counted_before = relations(self._connection), self._lasting_counters()
        outcome: list[tuple[str, float] | BaseException] = []

        def work() -> None:
            try:
                outcome.append(execute(self._connection, statement))
            except BaseException as error:
                outcome.append(error)

        taken = watched(work, self._pid, watcher)
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        tag, seconds = outcome[0]
        seen = Observation(tag=tag, milliseconds=seconds * 1000, locks=self._new_locks(taken))
        after = relations(self._connection)
        truncated = self._truncated(seen, before, after, self._lasting_counters(), counted_before)
        self._compare_files(seen, before, after, truncated)
        if tag in ("CALL", "DO"):
            # The gate of `watched` stops only its first transaction; what is new or gone was locked all the same.
            seen.sampled = True
            changed = {*seen.rewritten, *seen.emptied}
            certain = [
                Lock(relation.name, relation.kind, self._table_of(relation), "ACCESS EXCLUSIVE")
                for relation in self.existing.values()
                if relation.name in changed or f"{relation.kind} {relation.name}" in seen.dropped
            ]
            seen.locks = strongest([*seen.locks, *certain])
        self._compare_counters(seen, counted_before, self._lasting_counters())
        return seen

    def _lasting_counters(self) -> Counters:
        self._connection.execute("SELECT pg_catalog.pg_stat_force_next_flush()")  # takes effect when this one ends
        return self._counters("")

    def _counters(self, which: str) -> Counters:
        rows = self._connection.execute(_COUNTERS.format(which)).fetchall()
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    def _compare_counters(self, seen: Observation, before: Counters, after: Counters) -> None:
        """Tell what was read from end to end, and how many rows were touched."""
        for_other_work = {*seen.rewritten, *seen.emptied, *(table for _, table in seen.built)}
        for_other_work |= {self._table_of(index) for index in self.existing.values() if index.name in seen.rebuilt}
        for oid, now in after.items():
            if (relation := self.existing.get(oid)) is None:
                continue
            # TRUNCATE sets the transaction's counters back to zero.
            was = before.get(oid, (0, 0, 0, 0)) if relation.name not in seen.emptied else (0, 0, 0, 0)
            changed = [b - a if b >= a else b for a, b in zip(was[1:], now[1:], strict=True)]
            scans = now[0] - before.get(oid, (0,))[0]
            if scans > 0 and relation.name not in for_other_work:
                seen.scanned.append(relation.name)
            if any(changed):
                counts = zip(("inserted", "updated", "deleted"), changed, strict=True)
                seen.rows[relation.name] = {name: count for name, count in counts if count}
        seen.scanned.sort()

    def _new_locks(self, taken: Locks) -> list[Lock]:
        """Return the strongest lock on each existing relation, the strongest first."""
        return strongest(
            Lock(relation.name, relation.kind, self._table_of(relation), mode_name(mode))
            for relation, mode in ((self.existing.get(oid), mode) for oid, mode in taken)
            if relation
        )

    def _table_of(self, relation: Relation) -> str:
        table = self.existing.get(relation.table or 0)
        return table.name if table else relation.name

    def _truncated(
        self,
        seen: Observation,
        before: dict[int, Relation],
        after: dict[int, Relation],
        counted: Counters,
        counted_before: Counters | None = None,
    ) -> set[int]:
        """Return the tables whose new file is an empty one, not a copy: TRUNCATE, or a function that does it.

        Each index is built by one scan, and a rewrite needs one more. Where a function has also read the table for
        another reason, the rows that it had tell.
        """
        earlier = self._counted if counted_before is None else counted_before
        changed = [
            was
            for oid, was in before.items()
            if was.kind == "table" and (now := after.get(oid)) and now.filenode != was.filenode
        ]
        if seen.tag == "TRUNCATE TABLE":
            return {was.oid for was in changed}
        if not seen.is_data_command and seen.tag not in ("DO", "CALL"):
            return set()
        sizes: dict[int, int] = dict(self._connection.execute(_SIZES, [[was.oid for was in changed]]).fetchall())

        def is_truncated(was: Relation) -> bool:
            scans = counted.get(was.oid, (0,))[0] - earlier.get(was.oid, (0,))[0]
            indexes = sum(index.table == was.oid for index in before.values())
            return not sizes.get(was.oid) and (bool(was.rows) or scans <= indexes)

        return {was.oid for was in changed if is_truncated(was)}

    def _compare_files(
        self, seen: Observation, before: dict[int, Relation], after: dict[int, Relation], truncated: set[int]
    ) -> None:
        """Tell from the numbers of the files on disk what was written anew.

        An index that ALTER TABLE makes anew may have a new oid, so indexes go by table and name.
        """
        for oid, was in before.items():
            known = self.existing.get(oid)
            now = after.get(oid)
            if known is None or was.kind == "index":
                continue
            if now is None:
                seen.dropped.append(f"{known.kind} {known.name}")
            elif now.filenode != was.filenode and was.kind != "sequence":
                (seen.emptied if oid in truncated else seen.rewritten).append(known.name)
        names_before = {(r.table, r.name): r for r in before.values() if r.kind == "index"}
        names_after = {(r.table, r.name): r for r in after.values() if r.kind == "index"}
        changed_tables = {*seen.rewritten, *seen.emptied}
        for key, was in names_before.items():
            table = self.existing.get(was.table or 0)
            if table is None or table.oid not in after:
                continue
            now = names_after.get(key) or after.get(was.oid)  # the latter: it was renamed
            if now is None:
                seen.dropped.append(f"index {was.name}")
            elif now.filenode != was.filenode and table.name not in changed_tables:
                seen.rebuilt.append(was.name)
        for key, now in names_after.items():
            table = self.existing.get(now.table or 0)
            if table is not None and table.oid in before and key not in names_before and now.oid not in before:
                seen.built.append((now.name, table.name))


def strongest(locks: Iterable[Lock]) -> list[Lock]:
    """Return the strongest lock on each relation, the strongest first."""
    weakest_first = sorted(locks, key=lambda lock: MODES.index(lock.mode))
    by_relation = {(lock.kind, lock.relation): lock for lock in weakest_first}
    return sorted(by_relation.values(), key=lambda lock: (-MODES.index(lock.mode), lock.kind == "index", lock.relation))


def execute(connection: psycopg.Connection, statement: str) -> tuple[str, float]:
    """Run one statement; return its command tag and the seconds it took.

    By the extended protocol, in which the server refuses a second statement behind a semicolon: no COMMIT can slip in.
    """
    with connection.cursor(binary=True) as cursor:
        started = time.perf_counter()
        cursor.execute(statement.encode())
        return cursor.statusmessage or "", time.perf_counter() - started


def watched(work: Callable[[], None], pid: int, watcher: psycopg.Connection) -> Locks:
    """Do the work in a thread, and return every lock that its session, `pid`, holds or waits for meanwhile.

    On small tables it would be over before anyone looks. So the watcher first holds a lock on every table that any
    DDL must wait for, and sees what is asked for; then it plays an application that has written to every table and
    not committed yet, for which a concurrent build waits with all its locks in hand; then it lets go and polls.
    """
    thread = threading.Thread(target=work, daemon=True)
    taken: Locks = set()
    watcher.execute("BEGIN")
    try:
        _lock_all(watcher, "ROW EXCLUSIVE")
        watcher.execute("SAVEPOINT gate")
        _lock_all(watcher, "SHARE UPDATE EXCLUSIVE")
        thread.start()
        taken |= _locks_until(watcher, pid, lambda: _waits(watcher, pid) or not thread.is_alive())
        watcher.execute("ROLLBACK TO gate")
        taken |= _locks_until(watcher, pid, lambda: _waits(watcher, pid) or not thread.is_alive())
    finally:
        watcher.execute("COMMIT")
    taken |= _locks_until(watcher, pid, lambda: not thread.is_alive())
    thread.join()
    return taken


def mode_name(mode: str) -> str:
    """Return a lock mode as SQL and the documentation write it: AccessExclusiveLock is ACCESS EXCLUSIVE."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    return words.strip().upper()


def _lock_all(connection: psycopg.Connection, mode: str) -> None:
    statements = connection.execute(_LOCK_ALL, [mode]).fetchall()
    for (statement,) in statements:
        connection.execute(statement)


def _locks_until(connection: psycopg.Connection, pid: int, is_done: Callable[[], bool]) -> Locks:
    taken: Locks = set()
    while True:
        done = is_done()
        held = _locks(connection, pid)
        if held:
            # An index that is dead has no reader or writer left, so that it may be locked as hard as one likes. Asked
            # after the locks were read: what is alive now was alive then.
            alive = {row[0] for row in connection.execute(_ALIVE, [[oid for oid, _mode in held]]).fetchall()}
            taken |= {(oid, mode) for oid, mode in held if oid in alive}
        if done:
            return taken
        time.sleep(0.001)


def _locks(connection: psycopg.Connection, pid: int) -> Locks:
    return {(row[0], row[1]) for row in connection.execute(_LOCKS, [pid]).fetchall()}


def _waits(connection: psycopg.Connection, pid: int) -> bool:
    return bool(connection.execute("SELECT FROM pg_catalog.pg_locks WHERE pid = %s AND NOT granted", [pid]).fetchall())
