"""Ingests videos as tasks of Prefect, in two processes. A task that fails temporarily is retried."""

from __future__ import annotations

import sys

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from step import Permanent, ingest_one


def is_temporary(_task, _run, state) -> bool:
    """Whether a failed task is retried."""
    try:
        state.result()
    except Permanent:
        return False
    except Exception:
        return True
    return False


@task(retries=5, retry_delay_seconds=1, retry_condition_fn=is_temporary)
def ingest(uri: str, index: str) -> dict:
    return ingest_one(uri, index)


# Each task starts a `tl` process; the threads only wait for it.
@flow(task_runner=ThreadPoolTaskRunner(max_workers=2), log_prints=True)
def ingest_all(index: str, uris: list[str]) -> int:
    runs = ingest.map(uris, index)
    results = [run.result() for run in runs]
    print(f"{len(results)} videos, {len({str(result) for result in results})} results")
    return len(results)


if __name__ == "__main__":
    ingest_all(sys.argv[1], [line.strip() for line in sys.stdin if line.strip()])
    sys.exit(0)
