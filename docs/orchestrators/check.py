"""Checks the files for engines that are not run here: syntax, and what the engines demand."""

from __future__ import annotations

import ast
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def check_python(name: str) -> None:
    ast.parse((HERE / name).read_text(encoding="utf-8"), name)


def check_batch(name: str) -> None:
    job = json.loads((HERE / name).read_text(encoding="utf-8"))
    rules = job["retryStrategy"]["evaluateOnExit"]
    # A limit of AWS Batch; a job that no rule matches is retried.
    assert 1 <= len(rules) <= 5, "AWS Batch takes five rules at most"
    assert rules[-1]["action"] == "EXIT" and rules[-1]["onExitCode"] == "*"
    assert 1 <= job["retryStrategy"]["attempts"] <= 10

    def action(code: int) -> str:
        for rule in rules:
            pattern = rule.get("onExitCode")
            if pattern is None:
                continue
            text = str(code)
            if pattern == text or (pattern.endswith("*") and text.startswith(pattern[:-1])):
                return rule["action"]
        raise AssertionError(f"no rule for {code}")

    for code in (5, 6, 130, 137, 143):
        assert action(code) == "RETRY", code
    for code in (2, 3, 4, 7):
        assert action(code) == "EXIT", code


def check_states(machine: dict) -> None:
    states = machine["States"]
    assert machine["StartAt"] in states
    for name, state in states.items():
        ends = state["Type"] in ("Succeed", "Fail") or state.get("End") is True
        assert ends != ("Next" in state), f"{name} neither ends nor continues, or both"
        assert "Next" not in state or state["Next"] in states, name
        if state["Type"] == "Map":
            check_states(state["ItemProcessor"])


def main() -> int:
    for name in ("step", "ray_ingest", "prefect_ingest", "airflow_dag", "temporal_ingest", "run"):
        check_python(f"{name}.py")
    check_batch("aws_batch.json")
    check_states(json.loads((HERE / "step_functions.json").read_text(encoding="utf-8")))
    print("the orchestrator files are in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
