"""Runs schemathesis over the whole description that the emulator serves, and looks into the journal afterwards.

The emulator begins with something of everything, so that requests have what they can be about.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

from twelvelabs import TwelveLabs

from programs import clip, start, stop

LEAST = 5000
# Of each operation some requests must have been good ones, or nothing was tried. Nothing has a transcription, and only what
# the storage has can be reported.
NEVER_GOOD = {"assets.retrieve_transcription", "multipart_upload.report_chunk_batch"}

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("--examples", type=int, default=110, help="generated requests of each operation and phase")
options.add_argument("--seed", type=int, default=1, help="for other requests")
options, more = options.parse_known_args()

process, emulator = start("--chunk-size", "1000000")
control = emulator["pages"]


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(control + path, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def furnish(folder):
    """Indexes with videos, assets that are ready and one that failed, indexed assets, an upload session."""
    video = {"filename": "a.mp4", "duration": 12.5, "width": 640, "height": 360, "fps": 25, "size": 1000}
    indexes = [{"index_name": f"seeded {number}", "videos": [video] * 8} for number in range(6)]
    seeded = ask("/seed", {"indexes": indexes})["indexes"]
    client = TwelveLabs(api_key=emulator["api_key"], base_url=emulator["base_url"])
    path = os.path.join(folder, "good.mp4")
    clip(path)
    assets, tasks = [], []
    for number in range(12):
        with open(path, "rb") as file:
            assets.append(client.assets.create(method="direct", file=file, filename=f"{number}.mp4").id)
    client.assets.create(method="direct", file=("bad.mp4", b"no video"))
    while client.assets.retrieve(assets[-1]).status == "processing":
        time.sleep(0.05)
    inside = [(index, client.indexes.indexed_assets.create(index, asset_id=asset).id) for asset in assets[:4] for index in seeded]
    for _ in range(8):
        with open(path, "rb") as file:
            tasks.append(client.tasks.create(index_id=seeded[0], video_file=file).id)
    uploads = [client.multipart_upload.create(filename="a.mp4", type="video", total_size=5_000_000).upload_id for _ in range(4)]
    while list(client.tasks.list(status=["validating", "pending", "queued", "indexing"])):
        time.sleep(0.05)
    # A task can be deleted when its video is gone.
    for video in list(client.indexes.videos.list(seeded[0], filename="good.mp4")):
        client.indexes.videos.delete(seeded[0], video.id)
    videos = [(index, video.id) for index in seeded for video in client.indexes.videos.list(index, filename="a.mp4")]
    return {
        "index_id": [{"index_id": index} for index in seeded],
        "video_id": [{"index_id": index, "video_id": video} for index, video in videos],
        "indexed_asset_id": [{"index_id": index, "indexed_asset_id": id} for index, id in inside],
        "asset_id": [{"asset_id": asset} for asset in assets],
        "task_id": [{"task_id": task} for task in tasks],
        "upload_id": [{"upload_id": upload} for upload in uploads],
    }


with tempfile.TemporaryDirectory() as folder:
    known = os.path.join(folder, "known.json")
    with open(known, "w") as file:
        json.dump(furnish(folder), file)
    before = ask("/journal")["entries"][-1]["number"]
    command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", control + "/openapi.json"]
    command += ["--url", emulator["base_url"], "--header", "x-api-key: " + emulator["api_key"]]
    # A right request may still be refused for what it names: an index that is gone, a name that is taken.
    command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", str(options.examples)]
    command += ["--continue-on-failure", "--generation-database", "none", "--no-color", "--suppress-health-check", "all"]
    command += ["--seed", str(options.seed)]
    started = time.monotonic()
    hooks = {"SCHEMATHESIS_HOOKS": "fuzz_ids", "PYTHONPATH": os.path.dirname(__file__), "FUZZ_IDS": known}
    code = subprocess.run([*command, *more], cwd=folder, env={**os.environ, **hooks}).returncode
    took = time.monotonic() - started

entries = [entry for entry in ask("/journal")["entries"] if entry["number"] > before]
total = entries[-1]["number"] - before
statuses = collections.Counter(entry["status"] for entry in entries)
good = collections.Counter(entry["operation"] for entry in entries if entry["status"] < 300)
description = ask("/openapi.json")
operations = {operation["operationId"] for path in description["paths"].values() for operation in path.values()}
stop(process)
print(f"{total} requests in {took:.0f} s; statuses {dict(sorted(statuses.items()))}")
print(f"good answers {dict(sorted(good.items()))}")
faults = sum(count for status, count in statuses.items() if status >= 500)
if faults:
    sys.exit(f"{faults} answers were the emulator's own fault")
if not more:
    if total < LEAST:
        sys.exit(f"only {total} requests were made, at least {LEAST} are wanted")
    if untried := operations - NEVER_GOOD - set(good):
        sys.exit(f"no request was good for {sorted(untried)}")
sys.exit(code)
