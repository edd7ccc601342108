"""One pool a process: importing, reloading, forking, and the end of the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

HERE = Path(__file__).parents[1]
BEGIN = """
import sys
sys.path.insert(0, {tests!r})
from queries_by_hand import NUMBER, SLEEP
"""


def _run(script: str, database_url: str, *options: str) -> str:
    """Run a script in an interpreter of its own, warnings as errors; return what it prints, if it prints no error."""
    done = subprocess.run(
        [sys.executable, *(options or ("-W", "error")), "-c", BEGIN.format(tests=str(HERE)) + script],
        env=os.environ | {"DATABASE_URL": database_url, "MATHISON_APPLICATION_NAME": "process-test"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def _sessions(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'process-test'"
        ).fetchone()
    assert row
    return int(row[0])


def test_importing_opens_nothing_and_loads_no_driver() -> None:
    script = """
import mathison_data, mathison_data.documents
assert not {"psycopg", "psycopg_pool"} & set(sys.modules)
from mathison_data import db
from mathison_data.aio import db as aio_db
import threading
print(db.stats(), aio_db.stats(), threading.active_count())
"""
    # Not the usual beginning, which imports queries.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys" + script],
        env=os.environ | {"DATABASE_URL": "postgresql://nobody@/nowhere?host=/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("{} {} 1", "")


def test_fifty_reloads_leave_one_pool(database_url: str) -> None:
    script = """
import importlib, threading
import mathison_data
from mathison_data import db, execution
from mathison_data.aio import db as aio_db
assert execution.one(db, NUMBER, {"number": 1}) == 1
pool, threads = db._pool, threading.active_count()
for _ in range(50):
    for name in sorted(name for name in sys.modules if name.split(".")[0] == "mathison_data"):
        importlib.reload(sys.modules[name])
    import mathison_data.execution
    assert mathison_data.execution.one(mathison_data.db, NUMBER, {"number": 1}) == 1
assert mathison_data.db is db and db._pool is pool
assert sys.modules["mathison_data.aio"].db is aio_db
assert threading.active_count() == threads
assert type(db) is sys.modules["mathison_data.database"].Database  # brought up to date
with db.connection() as connection:
    count = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'process-test'"
    ).fetchone()[0]
print(count <= db.stats()["pool_size"])
"""
    assert _run(script, database_url) == "True"


def test_fifty_reloads_leave_one_async_pool(database_url: str) -> None:
    script = """
import asyncio, importlib
import mathison_data.aio
from mathison_data.aio import execution, db

async def main():
    await execution.one(db, NUMBER, {"number": 1})
    pool = db._pool
    for _ in range(50):
        for name in sorted(name for name in sys.modules if name.split(".")[0] == "mathison_data"):
            importlib.reload(sys.modules[name])
        assert await mathison_data.aio.execution.one(mathison_data.aio.db, NUMBER, {"number": 1}) == 1
    assert mathison_data.aio.db is db and db._pool is pool
    await db.close()
    print("one pool")

asyncio.run(main())
"""
    assert _run(script, database_url) == "one pool"


FORK = """
import os, traceback
from mathison_data import db, execution

def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0

def pid_of_session():
    with db.connection() as connection:
        return connection.info.backend_pid
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestFork:
    def run(self, script: str, database_url: str) -> str:
        # Python itself warns of every fork of a process with threads.
        return _run(FORK + script, database_url, "-W", "error", "-W", "ignore::DeprecationWarning")

    def test_a_child_has_sessions_of_its_own_and_the_parents_go_on(self, database_url: str) -> None:
        script = """
db.configure(max_size=1)
before = pid_of_session()
def work():
    assert db.stats() == {}
    for number in range(3):
        assert execution.one(db, NUMBER, {"number": number}) == number
    assert pid_of_session() != before
    db.close()
for _ in range(3):
    in_child(work)
    assert execution.one(db, NUMBER, {"number": 5}) == 5
    assert pid_of_session() == before
print("whole")
"""
        assert self.run(script, database_url) == "whole"

    def test_a_child_that_ends_as_usual_says_nothing_to_the_parents_sessions(self, database_url: str) -> None:
        script = """
before = pid_of_session()
pid = os.fork()
if pid == 0:
    import gc
    gc.collect()
    sys.exit(0)  # runs what is registered for the end of the interpreter
assert os.waitpid(pid, 0)[1] == 0
assert pid_of_session() == before
print("whole")
"""
        assert self.run(script, database_url) == "whole"

    def test_a_connection_in_use_is_of_no_use_to_the_child(self, database_url: str) -> None:
        script = """
import psycopg
with db.transaction() as tx:
    before = tx.info.backend_pid
    def work():
        try:
            tx.execute("SELECT 1")
        except psycopg.OperationalError:
            assert execution.one(db, NUMBER, {"number": 1}) == 1
        else:
            raise AssertionError("the child used the parent's session")
    in_child(work)
    assert tx.execute("SELECT pg_backend_pid()").fetchone() == (before,)
print("whole")
"""
        assert self.run(script, database_url) == "whole"

    def test_a_fork_in_the_middle_of_anothers_query_does_not_hang(self, database_url: str) -> None:
        script = """
import threading, time
def query():
    for _ in range(300):
        execution.one(db, NUMBER, {"number": 1})
threads = [threading.Thread(target=query) for _ in range(4)]
for thread in threads: thread.start()
def work():
    assert execution.one(db, NUMBER, {"number": 1}) == 1
for _ in range(10):
    in_child(work)
for thread in threads: thread.join()
print("whole")
"""
        assert self.run(script, database_url) == "whole"

    def test_the_async_pool_begins_anew_in_the_child(self, database_url: str) -> None:
        script = """
import asyncio
from mathison_data.aio import db as aio_db, execution as aio_execution
loop = asyncio.new_event_loop()
async def session():
    async with aio_db.connection() as connection:
        return connection.info.backend_pid
aio_db.configure(max_size=1)
before = loop.run_until_complete(session())
def work():
    async def main():
        assert aio_db.stats() == {}
        assert await aio_execution.one(aio_db, NUMBER, {"number": 1}) == 1
        assert await session() != before
        await aio_db.close()
    asyncio.run(main())
in_child(work)
assert loop.run_until_complete(session()) == before
loop.run_until_complete(aio_db.close())
loop.close()
print("whole")
"""
        assert self.run(script, database_url) == "whole"


@pytest.mark.parametrize(
    "script",
    [
        "from mathison_data import db, execution\nexecution.one(db, NUMBER, {'number': 1})",
        "from mathison_data import db\nconnection = db.borrow()",
        "from mathison_data import db\ndb.open()\ndb.close()\ndb.open()",
        "from mathison_data.aio import db, execution\nimport asyncio\n"
        "asyncio.run(execution.one(db, NUMBER, {'number': 1}))",
        "from mathison_data import db, execution\nimport threading, time\n"
        "threading.Thread(target=execution.one, args=(db, SLEEP, {'seconds': 60}), daemon=True).start()\n"
        "time.sleep(0.5)",
    ],
    ids=["after a query", "connection still lent", "opened again", "async, not closed", "query in a daemon thread"],
)
def test_the_interpreter_ends_without_a_word(database_url: str, script: str) -> None:
    assert _run(script, database_url) == ""


def test_the_sessions_end_with_the_process(database_url: str) -> None:
    script = "from mathison_data import db\ndb.configure(min_size=4)\ndb.open()\nprint(len(db._connections) > 0)"
    assert _run(script, database_url) == "True"
    for _ in range(100):
        if _sessions(database_url) == 0:
            break
    assert _sessions(database_url) == 0
