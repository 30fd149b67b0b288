"""Ingests videos as tasks of Ray. A task whose worker dies is repeated by Ray."""

from __future__ import annotations

import sys

import ray

from step import Temporary, ingest_one


@ray.remote(max_retries=5, retry_exceptions=[Temporary], num_cpus=1)
def ingest(uri: str, index: str) -> dict:
    return ingest_one(uri, index)


def main(index: str, uris: list[str]) -> int:
    # Two worker processes.
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    results = ray.get([ingest.remote(uri, index) for uri in uris])
    print(f"{len(results)} videos, {len({str(result) for result in results})} results")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [line.strip() for line in sys.stdin if line.strip()]))
