"""An Airflow DAG: one mapped task per video.

BashOperator pushes the last line of standard output to XCom, which is the JSON of the result. Exit
code 99 would skip the task; `tl` does not use it. The connection `tl_ledger` and the variable
`twelve_labs_api_key` are set in Airflow.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.decorators import dag, task
from airflow.exceptions import AirflowFailException
from airflow.operators.bash import BashOperator

# The wrong request, file or key: a retry would fail again.
PERMANENT = (2, 3, 4, 7)


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, max_active_tasks=8)
def ingest_archive():
    @task
    def commands() -> list[str]:
        with open("/data/manifest.txt", encoding="utf-8") as manifest:
            return [
                "tl ingest-one " + "'" + uri.strip().replace("'", "'\\''") + "' --index archive"
                for uri in manifest
                if uri.strip()
            ]

    def stop_if_permanent(context) -> None:
        """Fails without further retries."""
        text = str(context.get("exception", ""))
        if any(f"exit code {code}." in text for code in PERMANENT):
            raise AirflowFailException(text)

    BashOperator.partial(
        task_id="ingest_one",
        env={
            "TL_LEDGER": "{{ conn.tl_ledger.get_uri() }}",
            "TWELVE_LABS_API_KEY": "{{ var.value.twelve_labs_api_key }}",
        },
        append_env=True,
        do_xcom_push=True,
        retries=5,
        retry_delay=timedelta(seconds=30),
        retry_exponential_backoff=True,
        on_retry_callback=stop_if_permanent,
    ).expand(bash_command=commands())


ingest_archive()
