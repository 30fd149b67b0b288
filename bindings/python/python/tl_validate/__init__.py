"""Checks videos against the requirements of the TwelveLabs video platform, before a byte is sent.

>>> import tl_validate
>>> report = tl_validate.check("clip.mp4")
>>> report.verdict
'refuse'

The types and their documentation are in the stub beside this file.
"""

from pathlib import Path

from ._native import (
    ENTRY_SCHEMA,
    CheckError,
    Checker,
    Finding,
    Fix,
    Report,
    __version__,
    use_helper as _use_helper,
)

__all__ = [
    "ENTRY_SCHEMA",
    "CheckError",
    "Checker",
    "Finding",
    "Fix",
    "Report",
    "__version__",
    "check",
    "check_all",
]

_packaged = Path(__file__).resolve().parent / "bin" / "tl-probe"
if _packaged.is_file():
    _use_helper(_packaged)

_default = Checker()


def check(path, **options):
    """Checks one file. Options are those of `Checker`."""
    return (Checker(**options) if options else _default).check(path)


def check_all(paths, **options):
    """Checks files in parallel; returns their reports in the same order."""
    return (Checker(**options) if options else _default).check_all(list(paths))
