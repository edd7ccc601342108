"""What the settings of a pool become, and how a connection is seen to be alive."""

from __future__ import annotations

from pathlib import Path

import pytest

from mathison_data import ConfigError
from mathison_data.pooling import PoolSettings

URL = "postgresql://u:secret@h/d"


def test_the_defaults_reach_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/opt/services/billing/__main__.py"])
    assert PoolSettings(url=URL).connect_arguments() == {
        "application_name": "billing",
        "autocommit": True,
        "client_encoding": "utf8",
        "connect_timeout": 5,
        "prepare_threshold": 5,
    }


@pytest.mark.parametrize(
    ("program", "name"), [("uvicorn", "uvicorn"), ("", "python"), ("-c", "python"), ("/x/é", "?"), ("a" * 99, "a" * 63)]
)
def test_the_program_is_what_a_dba_sees(monkeypatch: pytest.MonkeyPatch, program: str, name: str) -> None:
    monkeypatch.setattr("sys.argv", [program])
    assert PoolSettings().connect_arguments()["application_name"] == name


def test_what_the_url_sets_stays() -> None:
    url = f"{URL}?application_name=mine&connect_timeout=9&options=-c%20geqo%3Doff"
    arguments = PoolSettings(url=url, statement_timeout=1.5).connect_arguments()
    assert "connect_timeout" not in arguments
    assert "application_name" not in arguments
    assert arguments["options"] == "-c geqo=off -c statement_timeout=1500"
    assert PoolSettings(url=url, application_name="other").connect_arguments()["application_name"] == "other"


def test_a_connect_timeout_is_never_below_what_libpq_takes() -> None:
    assert PoolSettings(connect_timeout=0.3).connect_arguments()["connect_timeout"] == 2


def test_what_was_given_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    (project / ".env.local").write_text(
        "MATHISON_POOL_MAX_SIZE=21\nMATHISON_POOL_MIN_SIZE=3\nMATHISON_PREPARED_STATEMENTS=off\n"
    )
    monkeypatch.setenv("MATHISON_POOL_MAX_SIZE", "22")
    monkeypatch.setenv("MATHISON_CONNECT_TIMEOUT", "7")
    settings = PoolSettings.read({"connect_timeout": 8.0})
    assert (settings.min_size, settings.max_size, settings.connect_timeout) == (3, 22, 8.0)
    assert settings.prepared_statements is False


def test_a_url_that_is_given_is_checked_and_freed_of_prismas_parameters() -> None:
    assert PoolSettings(url=f"{URL}?schema=public&pgbouncer=true").located().url == URL
    with pytest.raises(ConfigError, match=r"configure\(url=\.\.\.\)") as caught:
        PoolSettings(url="postgresql://u:sec%zzret@h/d").located()
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"max_size": 0, "min_size": 0}, {"min_size": -1}, {"timeout": 0}, {"statement_timeout": -1}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}"):
        PoolSettings(**wrong)  # type: ignore[arg-type]
