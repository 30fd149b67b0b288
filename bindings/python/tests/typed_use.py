"""A program that mypy accepts in strict mode: the types of the module are complete."""

from pathlib import Path
from typing import List, Optional

import tl_validate
from tl_validate import Checker, CheckError, Finding, Report


def summary(path: Path) -> str:
    report: Report = tl_validate.check(path, engines=["marengo3.0"], route="multipart")
    facts = report.facts
    width: int = facts["video_width"] if facts is not None else 0
    errors: List[Finding] = list(report.errors)
    code: Optional[str] = report.predicted_code
    return f"{report.verdict} {width} {len(errors)} {code}"


def commands(paths: List[str]) -> List[List[str]]:
    checker = Checker(deadline=2.5, thorough=True)
    found = []
    for report in checker.check_all([*paths]):
        for finding in report.findings:
            if finding.fix is not None:
                found.append(finding.fix.command(report.file, "fixed.mp4"))
    return found


def kind(path: str) -> str:
    try:
        return tl_validate.check(path).verdict
    except CheckError as error:
        return error.kind
