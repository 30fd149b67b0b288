"""Finds the installed programs."""

import os
import sys
import sysconfig
from pathlib import Path
from typing import Iterator


def find_program(name: str = "tl") -> str:
    """The path of `tl` or `tl-probe` as installed by this package.

    Raises FileNotFoundError if it is in none of the folders that pip installs scripts to.
    """
    searched = []
    for folder in _folders():
        program = Path(folder, name)
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
        searched.append(str(folder))
    raise FileNotFoundError(f"no program `{name}` in {', '.join(searched)}")


def _folders() -> Iterator[Path]:
    yield Path(sysconfig.get_path("scripts"))
    # `pip install --target DIR` and `pip install --prefix DIR`.
    package = Path(__file__).resolve().parent
    yield package.parent / "bin"
    if len(package.parents) > 3:
        yield package.parents[3] / "bin"
    user = "posix_user" if sys.version_info < (3, 10) else sysconfig.get_preferred_scheme("user")
    yield Path(sysconfig.get_path("scripts", scheme=user))
