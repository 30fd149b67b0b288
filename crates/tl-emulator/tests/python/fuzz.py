"""Runs schemathesis against a fresh emulator with some videos in it, and looks into the journal afterwards."""

import collections
import json
import subprocess
import sys
import tempfile
import urllib.request

LEAST = 5000

program, schemathesis, *more = sys.argv[1:]
process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
emulator = json.loads(process.stdout.readline())
control = emulator["control_url"]


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(control + path, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


video = {"filename": "a.mp4", "duration": 12.5, "width": 640, "height": 360, "fps": 25, "size": 1000}
indexes = [{"index_name": f"seeded {number}", "videos": [video] * 5} for number in range(5)]
ask("/seed", {"indexes": indexes})
# A right request may still be refused for what it names: an index that is gone, a name that is taken.
command = [schemathesis, "run", control + "/openapi.json", "--url", emulator["base_url"]]
command += ["--header", "x-api-key: " + emulator["api_key"], "--exclude-checks", "positive_data_acceptance"]
command += ["--max-examples", "600", "--continue-on-failure", "--generation-database", "none", "--no-color"]
with tempfile.TemporaryDirectory() as folder:
    code = subprocess.run([*command, *more], cwd=folder).returncode

entries = ask("/journal")["entries"]
total = entries[-1]["number"]
statuses = collections.Counter(entry["status"] for entry in entries)
operations = collections.Counter(entry["operation"] for entry in entries if entry["status"] < 300)
process.stdin.close()
process.wait(timeout=30)
print(f"{total} requests; statuses {dict(sorted(statuses.items()))}; good answers {dict(operations)}")
faults = sum(count for status, count in statuses.items() if status >= 500)
if faults:
    sys.exit(f"{faults} answers were the emulator's own fault")
if total < LEAST and not more:
    sys.exit(f"only {total} requests were made, at least {LEAST} are wanted")
sys.exit(code)
