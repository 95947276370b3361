"""The data directory and the version of its layout."""

from __future__ import annotations

import json
import os
from pathlib import Path

from leadflow.errors import UsageError, WrongVersion

HOME_FORMAT = 1
"""Version of a data directory's layout."""
FORMAT_FILE = "leadflow.json"


def prepare_home(home: Path) -> None:
    """Make the data directory, or see that it is one that this version can use.

    Raises UsageError where a directory cannot be made or written, WrongVersion for another format.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        do = "Move that file away, or choose another data directory with --home."
        raise UsageError("a file is in the way of the data directory", where=str(home), do=do) from error
    except OSError as error:
        raise unwritable(home, error) from error
    file = home / FORMAT_FILE
    try:
        if file.exists():
            _check_format(file)
        elif (home / "postgres").exists():
            do = f"If it is one, put back its {FORMAT_FILE}; otherwise choose another with --home."
            raise WrongVersion("this is no data directory of LeadFlow", where=str(home), do=do)
        else:
            draft = home / f".{FORMAT_FILE}.{os.getpid()}"
            draft.write_text(json.dumps({"format": HOME_FORMAT}) + "\n", encoding="utf-8")
            draft.replace(file)
    except OSError as error:
        raise unwritable(home, error) from error


def unwritable(home: Path, error: OSError) -> UsageError:
    """The error for a data directory that this process may not write."""
    do = "Give yourself the right to write there, or choose another data directory with --home."
    return UsageError(f"the data directory cannot be written: {error.strerror}", where=str(home), do=do)


def _check_format(file: Path) -> None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["format"]
    except (ValueError, KeyError, TypeError) as error:
        do = f'Restore the file from a backup; this version writes {{"format": {HOME_FORMAT}}}.'
        raise WrongVersion("the data directory's format cannot be read", where=str(file), do=do) from error
    if found != HOME_FORMAT:
        raise WrongVersion(
            f"the data directory has format {found}, this version reads format {HOME_FORMAT}",
            where=str(file),
            do="Use the version of LeadFlow that wrote it, or restore its backup into a new directory.",
        )
