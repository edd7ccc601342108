"""`migrate new` writes files that only want their SQL."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from databases import ROOT
from migration_runs import apply, roll_back, write

from mathison_data.cli import main
from mathison_data.errors import MigrationFileError
from mathison_data.migrations import files


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write(tmp_path / "m", {"0041_create_a": "CREATE TABLE a (id int);"}, rollback="DROP TABLE a;")


def test_the_next_number_and_the_header(
    directory: Path, capsys: pytest.CaptureFixture[str], empty_database_url: str
) -> None:
    assert main(["migrate", "new", "Add recipe räting!", "--directory", str(directory)]) == 0
    up, down = map(Path, capsys.readouterr().out.split())
    assert (up.name, down.name) == ("0042_add_recipe_rating.sql", "0042_add_recipe_rating.rollback.sql")
    assert up.read_text().splitlines()[1:4] == [
        "-- depends: 0041_create_a",
        "SET LOCAL lock_timeout = '2s';",
        "SET LOCAL statement_timeout = '30s';",
    ]
    with pytest.raises(MigrationFileError, match="holds nothing to run"):  # not by accident
        files.read(directory)
    up.write_text(up.read_text() + "ALTER TABLE a ADD rating int;\n")
    down.write_text(down.read_text() + "ALTER TABLE a DROP rating;\n")
    apply(empty_database_url, directory)
    roll_back(empty_database_url, directory)


def test_an_index_that_is_built_concurrently(directory: Path, empty_database_url: str) -> None:
    assert main(["migrate", "new", "index a", "--concurrently", "--directory", str(directory)]) == 0
    for path in directory.glob("0042*"):
        text = path.read_text().replace("index_name", "a_id_idx").replace("table_name", "a")
        path.write_text(text.replace("column_name", "id"))
    apply(empty_database_url, directory)
    roll_back(empty_database_url, directory)
    squawk = Path(sys.executable).with_name("squawk")
    configuration = shutil.copy(ROOT / ".squawk.toml", directory)
    subprocess.run([squawk, "-c", configuration, *directory.glob("0042*")], check=True, capture_output=True)


@pytest.mark.parametrize("title", ["", "!", "42", "日本"])
def test_a_title_of_which_no_name_can_be_made(directory: Path, title: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "new", title, "--directory", str(directory)]) == 2
    assert "is named after what it does" in capsys.readouterr().err
    assert len(list(directory.iterdir())) == 2
