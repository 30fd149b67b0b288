"""What the official clients make of broken streams: the losses that the clients of this project
report as errors (see `stream_faults_reach_the_client` in `tests/it/analyze.rs`).

A newer client that reports a loss makes a test fail: then correct the table in the guide.
"""

import json
import os
import pathlib
import subprocess

import pytest
from conftest import running

TEXT = "é one two three four five six seven eight nine ten eleven"
VIDEO = {"type": "url", "url": "https://example.com/a.mp4"}
# Fault, what the Python client returns, what the JavaScript client returns. `whole` means that the
# answer ends as if it were complete.
LOSSES = [
    ("", (TEXT, "whole"), (TEXT, "whole")),
    ("omit_end", (TEXT, "whole"), (TEXT, "whole")),
    ("cut_after_events=2", (None, "error"), (None, "error")),
    ("garble_event=3", (None, "whole"), (None, "error")),
    ("error_event=3", (None, "whole"), (None, "whole")),
    # The gap keeps the bytes from arriving together.
    ("split_bytes=1,event_gap_ms=2", (TEXT, "whole"), (TEXT.replace("é", "\ufffd\ufffd"), "whole")),
]
# The folder with `node_modules`, in which package.json was installed.
JS = pathlib.Path(os.environ["JS_CLIENT"])
SCRIPT = """
const { TwelveLabs } = require("twelvelabs-js");
const client = new TwelveLabs({ apiKey: process.argv[1] });
(async () => {
  let text = "", end = "whole";
  try {
    const stream = await client.analyzeStream({ video: { type: "url", url: "https://example.com/a.mp4" }, prompt: "why?" });
    for await (const event of stream) text += event.text ?? "";
  } catch (error) { end = "error"; }
  process.stdout.write(JSON.stringify([text, end]), () => process.exit(0));
})();
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    (folder / "a.fixtures.json").write_text(json.dumps({"fixtures": [{"answer": TEXT}]}))
    with running("--answers", str(folder)) as emulator:
        yield emulator


def inject(emulator, fault):
    parts = [part.partition("=") for part in fault.split(",") if part]
    faults = [{"operation": "analyze"} | {name: int(value) if value else True for name, _, value in parts}] if parts else []
    emulator.control("PUT", "/faults", {"faults": faults})


def compare(seen, expected):
    text, end = expected
    assert seen[1] == end
    assert seen[0] == text if text is not None else (TEXT.startswith(seen[0]) or seen[0] != TEXT)


@pytest.mark.parametrize("fault, expected, _", LOSSES)
def test_python_client(emulator, fault, expected, _):
    inject(emulator, fault)
    text, end = "", "whole"
    try:
        for event in emulator.client.analyze_stream(video=VIDEO, prompt="why?"):
            text += getattr(event, "text", None) or ""
    except Exception:
        end = "error"
    compare((text, end), expected)


@pytest.mark.parametrize("fault, _, expected", LOSSES)
def test_javascript_client(emulator, fault, _, expected):
    inject(emulator, fault)
    command = ["node", "-e", SCRIPT, emulator.api_key]
    # The client takes its address from the environment only.
    env = {**os.environ, "TWELVELABS_BASE_URL": emulator.base_url}
    done = subprocess.run(command, cwd=JS, env=env, capture_output=True, timeout=60, check=True)
    compare(json.loads(done.stdout), expected)
