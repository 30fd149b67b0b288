"""The last official Python client before 1.0: its programs run unchanged under `tl emulator exec`."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

# The directory of that client, which has the same package name as the newer one.
OLD_CLIENT = os.environ["OLD_CLIENT"]
PROGRAM = pathlib.Path(__file__).with_name("old_program.py")


@pytest.mark.parametrize("model, options", [("marengo3.0", []), ("marengo2.7", ["--rules", "2025-06-01"])])
def test_unmodified_program_succeeds(clips, site, tmp_path, model, options):
    summary = tmp_path / "summary.json"
    command = [os.environ["TL"], "emulator", "exec", "--allow-private", "--summary", str(summary), *options, "--"]
    command += [sys.executable, str(PROGRAM), str(clips / "good.mp4"), f"{site}/good.mp4", model]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": OLD_CLIENT}, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    seen = json.loads(run.stdout)
    assert seen == {
        "model": model,
        "listed": ["films"],
        "file": "ready",
        "url": "ready",
        "bulk": ["ready", "ready"],
        "tasks": 4,
        "videos": 4,
        "width": 640,
        "pages": 1,
        "name": "renamed",
        "search": [400, "parameter_unknown"],
        "left": 0,
    }
    body = json.loads(summary.read_text())
    assert body["not_implemented"] == {}
    assert body["other_requests"] == 0
    assert body["operations"]["tasks.create"] == {"requests": 4, "refused": 0}


def test_duplicate_version_in_paths(emulator):
    """The older client repeats the version in its paths. The emulator accepts both forms."""
    script = "import os; from twelvelabs import TwelveLabs; print(len(TwelveLabs(api_key=os.environ['KEY']).index.list()))"
    emulator.index()
    settings = {"PYTHONPATH": OLD_CLIENT, "KEY": emulator.api_key, "TWELVELABS_BASE_URL": emulator.base_url}
    run = subprocess.run([sys.executable, "-c", script], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60)
    assert run.stdout == "1\n", run.stderr
    assert emulator.journal(operation="indexes.list")[-1]["path"] == "/v1.3/v1.3/indexes"
