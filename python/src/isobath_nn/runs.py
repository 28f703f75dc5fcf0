"""Experiments: runs of the program and their tables."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _toml
from ._executable import call


class Tables(Mapping[str, Any]):
    """Tables of a run by name, such as `profiles`, `cutoffs` and `trainings`."""

    def __init__(self, tables: dict[str, Any]) -> None:
        """Keep the tables."""
        self._tables = tables

    def __getitem__(self, name: str) -> Any:
        """Return a table: a data frame, or a dict of arrays by column."""
        if name not in self._tables:
            raise KeyError(f"there is no table `{name}`; the run has {', '.join(self._tables)}")
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over names."""
        return iter(self._tables)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(self._tables)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that has been computed: its folder, its report, and its result in sentences."""

    folder: Path
    report: Path
    sentences: tuple[str, ...]
    data: dict[str, Any] = dataclasses.field(repr=False)

    def __str__(self) -> str:
        """Return the result in sentences."""
        return "\n".join(self.sentences)

    def load(self) -> Tables:
        """Return its tables."""
        return load(self.folder)


def run(
    file: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    runs: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Run:
    """Compute the missing parts of an experiment file, and write its report.

    `settings` overrides keys of the file, such as `{"grid.seeds": 5}`; `data` and `runs` are the folders of datasets and
    of runs. After Ctrl-C, the same call resumes.

    Raises `Error` with the sentence of the program.
    """
    arguments: list[str | os.PathLike[str]] = ["run", Path(file), "--json"]
    for key, setting in (settings or {}).items():
        arguments += ["--set", f"{key}={_toml.value(setting)}"]
    for option, folder in [("--data", data), ("--runs", runs)]:
        arguments += [] if folder is None else [option, Path(folder)]
    found = json.loads(call(arguments, progress))
    folder = Path(found["folder"])
    return Run(folder, folder / "report.html", tuple(found["sentences"]), found)


def load(
    run: str | os.PathLike[str],
    *,
    runs: str | os.PathLike[str] | None = None,
    form: Literal["auto", "numpy", "pandas"] = "auto",
) -> Tables:
    """Read the tables of a run, by its folder or the start of its name: data frames where pandas is, arrays otherwise.

    `form` chooses one of them: "numpy" gives a dict of arrays by column for each table.

    Raises `Error` with the sentence of the program.
    """
    frames = form == "pandas" or (form == "auto" and importlib.util.find_spec("pandas") is not None)
    with tempfile.TemporaryDirectory(prefix="isobath-") as folder:
        arguments: list[str | os.PathLike[str]] = ["export", os.fspath(run), "--to", folder]
        arguments += [] if runs is None else ["--runs", Path(runs)]
        call(arguments, False)
        paths = sorted(Path(folder).rglob("*.csv"))
        return Tables({path.stem: _frame(path) if frames else _arrays(path) for path in paths})


def _frame(path: Path) -> Any:
    import pandas

    return pandas.read_csv(path)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Columns as numbers where all entries are, NaN where they are missing, and as texts otherwise."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return {name: _column([row[index] for row in rows]) for index, name in enumerate(header)}


def _column(entries: list[str]) -> NDArray[Any]:
    if entries and all(entry in ("true", "false") for entry in entries):
        return np.array([entry == "true" for entry in entries])
    for kind in (int, float):
        try:
            return np.array([kind(entry) if entry or kind is int else np.nan for entry in entries])
        except ValueError:
            continue
    return np.array(entries, dtype=str)
