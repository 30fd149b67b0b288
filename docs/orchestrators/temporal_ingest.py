"""A Temporal workflow: one activity per video. Temporal repeats an activity that fails temporarily."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

# The wrong request, file or key: a retry would fail again.
PERMANENT = {2, 3, 4, 7}


@activity.defn
async def ingest_one(uri: str, index: str) -> dict:
    process = await asyncio.create_subprocess_exec(
        os.environ.get("TL", "tl"),
        "ingest-one",
        uri,
        "--index",
        index,
        stdout=asyncio.subprocess.PIPE,
    )
    output = asyncio.ensure_future(process.communicate())
    try:
        while not output.done():
            activity.heartbeat()
            await asyncio.wait([output], timeout=10)
    except asyncio.CancelledError:
        # It ends within 10 seconds; a later attempt continues.
        process.terminate()
        await process.wait()
        raise
    lines = (await output)[0].decode().strip().splitlines()
    if process.returncode == 0 and lines:
        return json.loads(lines[-1])
    raise ApplicationError(
        (lines or ["no output"])[-1],
        type=f"exit-{process.returncode}",
        non_retryable=process.returncode in PERMANENT,
    )


@workflow.defn
class IngestArchive:
    @workflow.run
    async def run(self, index: str, uris: list[str]) -> int:
        steps = [
            workflow.execute_activity(
                ingest_one,
                args=[uri, index],
                start_to_close_timeout=timedelta(hours=4),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(
                    initial_interval=timedelta(seconds=5),
                    maximum_interval=timedelta(minutes=5),
                ),
            )
            for uri in uris
        ]
        return len(await asyncio.gather(*steps))
