"""One step of an orchestrator: `tl ingest-one` for one video."""

from __future__ import annotations

import json
import os
import subprocess

RETRYABLE = {5, 6, 8, 130, 137, 143, -2, -9, -15}


class Temporary(Exception):
    """The step may succeed if it is repeated."""


class Permanent(Exception):
    """The step fails again if it is repeated."""


def ingest_one(uri: str, index: str) -> dict:
    """Ingests one video and returns the JSON of its result.

    The ledger, the base URL and the key are in the environment: TL_LEDGER, TWELVELABS_BASE_URL and
    TWELVE_LABS_API_KEY.
    """
    request = json.dumps({"uri": uri, "index": index})
    done = subprocess.run(
        [os.environ.get("TL", "tl"), "ingest-one", "-"],
        input=request,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return json.loads(lines[-1])
    reason = (lines or done.stderr.strip().splitlines() or ["no output"])[-1]
    error = Temporary if done.returncode in RETRYABLE else Permanent
    raise error(f"exit code {done.returncode}: {reason}")
