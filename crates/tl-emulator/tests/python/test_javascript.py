"""The official JavaScript client against the emulator: every method of it, by family.

The tests are in `javascript/`. Where the client itself is at fault, an assertion states what it does.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import running
from test_entities import png

FOLDER = pathlib.Path(__file__).parent / "javascript"
FAMILIES = ["analyze", "assets", "connections", "embed", "entities", "indexing", "search", "stores"]
# Minimum number of assertions of all families.
MIN_ASSERTIONS = 150
# What the video shows.
SIDECAR = {
    "segments": [
        {"start": 0, "end": 2, "labels": ["kickoff"], "text": "The game begins."},
        {"start": 2, "end": 5, "labels": ["scored"], "text": "Who scored was [DONE] early in the game."},
    ]
}

METHODS, CALLED, COUNTS = set(), set(), {}


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family, clips, tmp_path):
    (tmp_path / "face.png").write_bytes(png())
    (tmp_path / "answers").mkdir()
    shutil.copy(clips / "good.mp4", tmp_path / "answers")
    (tmp_path / "answers/good.mp4.tl.json").write_text(json.dumps(SIDECAR))
    with running("--pace", "instant", "--chunk-size", "100000", "--answers", str(tmp_path / "answers")) as emulator:
        options = {
            "client": os.environ["JS_CLIENT"],
            "base_url": emulator.base_url,
            "control_url": emulator.control_url,
            "api_key": emulator.api_key,
            "video": str(clips / "good.mp4"),
            "image": str(tmp_path / "face.png"),
        }
        command = ["node", str(FOLDER / "suite.cjs"), family, json.dumps(options)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    METHODS.update(result["methods"])
    CALLED.update(result["called"])
    COUNTS[family] = result["assertions"]


def test_every_method_was_called():
    if set(COUNTS) != set(FAMILIES):
        pytest.skip("only some families were run")
    assert sorted(METHODS - CALLED) == []
    assert len(METHODS) > 100
    assert sum(COUNTS.values()) >= MIN_ASSERTIONS, COUNTS
