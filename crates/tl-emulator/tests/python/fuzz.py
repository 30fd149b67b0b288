"""Runs schemathesis on the emulator's OpenAPI description and checks the journal afterwards.

The emulator starts with objects of every kind, so that requests can refer to them. If no random
request of an operation succeeds, the operation is run again on its own.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import httpx
from twelvelabs import MediaSource, TwelveLabs, VideoInputRequest

from programs import create_clip, start, stop
from test_entities import image

MIN_REQUESTS = 10_000
# Some requests of every operation must succeed, except for these, which the official client drives:
# there are no transcriptions, only chunks that were uploaded to the storage can be reported, analyses
# have ended before they can be canceled, the parts of a search or of an embedding must agree, and
# random bytes are not a video.
NEVER_SUCCESSFUL = {
    "analyze_async.batches.cancel",
    "analyze_async.tasks.cancel",
    "assets.retrieve_transcription",
    "embed.tasks.create",
    "embed.v_2.tasks.create",
    "multipart_upload.report_chunk_batch",
    "search.create",
}


def request_json(emulator, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(emulator["pages"] + path, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def create_objects(emulator, folder):
    """Creates indexes with videos, ready and failed assets, indexed assets, tasks, entities and upload sessions."""
    video = {"filename": "a.mp4", "duration": 12.5, "width": 640, "height": 360, "fps": 25, "size": 1000}
    indexes = [{"index_name": f"seeded {number}", "videos": [video] * 8} for number in range(6)]
    seeded = request_json(emulator, "/seed", {"indexes": indexes})["indexes"]
    client = TwelveLabs(api_key=emulator["api_key"], base_url=emulator["base_url"])
    path = os.path.join(folder, "good.mp4")
    create_clip(path)
    assets, tasks = [], []
    for number in range(12):
        with open(path, "rb") as file:
            assets.append(client.assets.create(method="direct", file=file, filename=f"{number}.mp4").id)
    client.assets.create(method="direct", file=("bad.mp4", b"no video"))
    while client.assets.retrieve(assets[-1]).status == "processing":
        time.sleep(0.05)
    inside = [(index, client.indexes.indexed_assets.create(index, asset_id=asset).id) for asset in assets[:4] for index in seeded]
    for number in range(12):
        with open(path, "rb") as file:
            tasks.append(client.tasks.create(index_id=seeded[number % 4], video_file=file).id)
    # Assets of entities are images, so a request with another asset is refused.
    images = [image(client) for _ in range(2)]
    collections = [client.entity_collections.create(name=f"people {number}").id for number in range(12)]
    entities = [
        (collection, client.entity_collections.entities.create(collection, name="Ada", asset_ids=images).id)
        for collection in collections[:4]
        for _ in range(6)
    ]
    # Store items are the images as well: a request with another id adds a video.
    stores = [client.knowledge_stores.create(name=f"store {number}").id for number in range(8)]
    items = [(store, client.knowledge_store_items.create(store, asset_id=images[number % 2]).id) for store in stores[:4] for number in range(6)]
    groups = [
        (store, client.knowledge_store_item_collections.create(store, name=f"group {number}").id)
        for store in stores[:4]
        for number in range(6)
    ]
    connections = [connect(emulator) for _ in range(8)]
    redirects = [client.data_connectors.create_redirect_uri(redirect_uri=f"https://example.com/{number}").id for number in range(8)]
    imports = [(connection, client.imports.import_files(connection, items=[{"source_id": "1a"}]).id) for connection in connections[:4]]
    uploads = [client.multipart_upload.create(filename="a.mp4", type="video", total_size=5_000_000).upload_id for _ in range(4)]
    analyses = [analyze(client, asset).task_id for asset in assets for _ in range(2)]
    batches = [batch(client, assets[:2]) for _ in range(4)]
    while list(client.tasks.list(status=["validating", "pending", "queued", "indexing"])):
        time.sleep(0.05)
    # Skip the contents of deletable indexes: they may be deleted together with their index.
    lasting = seeded[:4]
    # A task is deletable only after its video was deleted.
    for index in lasting:
        for video in list(client.indexes.videos.list(index, filename="good.mp4")):
            client.indexes.videos.delete(index, video.id)
    videos = [(index, video.id) for index in lasting for video in client.indexes.videos.list(index, filename="a.mp4")]
    inside = [(index, indexed) for index, indexed in inside if index in lasting]
    return {
        "index_id": objects(["index_id"], [(index,) for index in seeded], 2),
        "video_id": objects(["index_id", "video_id"], videos, 16),
        "indexed_asset_id": objects(["index_id", "indexed_asset_id"], inside, 8),
        "asset_id": objects(["asset_id"], [(asset,) for asset in assets], 4),
        "task_id": objects(["task_id"], [(task,) for task in tasks], 8),
        "entity_collection_id": objects(["entity_collection_id"], [(collection,) for collection in collections], 6),
        "entity_id": objects(["entity_collection_id", "entity_id"], entities, 12),
        "analyze_task_id": objects(["analyze_task_id"], [(task,) for task in analyses], 12),
        "batch_id": objects(["batch_id"], [(batch,) for batch in batches], 2),
        "asset_ids": images,
        "knowledge_store_id": objects(["knowledge_store_id"], [(store,) for store in stores], 4),
        "item_id": objects(["knowledge_store_id", "item_id"], items, 12),
        "collection_id": objects(["knowledge_store_id", "collection_id"], groups, 12),
        "connection_id": objects(["connection_id"], [(connection,) for connection in connections], 4),
        "redirect_uri_id": objects(["redirect_uri_id"], [(uri,) for uri in redirects], 4),
        "import_id": objects(["connection_id", "import_id"], imports, 0),
        "legacy_task_id": objects(["legacy_task_id"], [(legacy_embedding_task(client, path),) for _ in range(4)], 0),
        "embedding_task_id": objects(["embedding_task_id"], [(id,) for id in embedding_tasks(client, assets[:4])], 0),
        "page_token": objects(["page_token"], search_tokens(client, lasting), 0),
        "upload_id": objects(["upload_id"], [(upload,) for upload in uploads], 0),
    }


def connect(emulator):
    """Authorizes a connection as a browser does."""
    body = {"provider": "google_drive", "redirect_uri": "https://example.com/back"}
    headers = {"x-api-key": emulator["api_key"]}
    started = httpx.post(emulator["base_url"] + "/connections:authorize", json=body, headers=headers)
    sent = httpx.get(started.json()["authorize_url"] + "&decision=allow")
    return urllib.parse.parse_qs(urllib.parse.urlsplit(sent.headers["location"]).query)["connection_id"][0]


def embedding_tasks(client, assets):
    """Embedding tasks of videos."""
    create = client.embed.v_2.tasks.create
    media = [VideoInputRequest(media_source=MediaSource(asset_id=asset)) for asset in assets]
    return [create(input_type="video", model_name="marengo3.0", video=video).id for video in media]


def legacy_embedding_task(client, path):
    """An embedding task of the first version."""
    with open(path, "rb") as file:
        return client.embed.tasks.create(model_name="marengo3.0", video_file=file).id


def search_tokens(client, indexes):
    """Tokens of further pages of searches."""
    query = {"search_options": ["visual"], "query_text": "a", "page_limit": 1}
    pages = [client.search.create(index_id=index, **query).page_info for index in indexes]
    return [(page.next_page_token,) for page in pages]


def analyze(client, asset):
    return client.analyze_async.tasks.create(video={"type": "asset_id", "asset_id": asset}, prompt="What happens?")


def batch(client, assets):
    requests = [{"video": {"type": "asset_id", "asset_id": asset}} for asset in assets]
    defaults = {"prompt": {"input_text": "What happens?"}}
    created = client.analyze_async.batches.create(
        model_name="pegasus1.5", analysis_mode="general", requests=requests, defaults=defaults
    )
    while client.analyze_async.batches.retrieve(created.batch_id).status != "completed":
        time.sleep(0.05)
    return created.batch_id


def objects(names, ids, deletable):
    """The known objects. Only the last ones may be deleted, so that some are left."""
    known = [dict(zip(names, each)) for each in ids]
    return {"known": known, "deletable": known[len(known) - deletable :]}


def run_schemathesis(seed, more):
    """Runs schemathesis on a new emulator. Returns the journal, the operations and the exit code."""
    process, emulator = start("--chunk-size", "1000000")
    try:
        with tempfile.TemporaryDirectory() as folder:
            known = os.path.join(folder, "known.json")
            with open(known, "w") as file:
                created = create_objects(emulator, folder)
                json.dump({**created, "description": request_json(emulator, "/openapi.json")}, file)
            before = request_json(emulator, "/journal")["entries"][-1]["number"]
            command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", emulator["pages"] + "/openapi.json"]
            command += ["--url", emulator["base_url"], "--header", "x-api-key: " + emulator["api_key"]]
            # A valid request may still be refused: the index was deleted, the name is taken, or another
            # resource of its body does not exist.
            command += ["--exclude-checks", "positive_data_acceptance,ensure_resource_availability", "--max-examples", str(options.examples)]
            command += ["--continue-on-failure", "--generation-database", "none", "--no-color", "--suppress-health-check", "all"]
            command += ["--seed", str(seed)]
            hooks = {"SCHEMATHESIS_HOOKS": "fuzz_ids", "PYTHONPATH": os.path.dirname(__file__), "FUZZ_IDS": known}
            # Without this, the same seed generates different requests.
            hooks["PYTHONHASHSEED"] = "0"
            code = subprocess.run([*command, *more], cwd=folder, env={**os.environ, **hooks}).returncode
        entries = [entry for entry in request_json(emulator, "/journal")["entries"] if entry["number"] > before]
        description = request_json(emulator, "/openapi.json")
    finally:
        stop(process)
    operations = {operation["operationId"] for path in description["paths"].values() for operation in path.values()}
    return entries, operations, code


def check_results(entries, code):
    """Exits on a failed check. Returns the number of successful responses per operation."""
    statuses = collections.Counter(entry["status"] for entry in entries)
    good = collections.Counter(entry["operation"] for entry in entries if entry["status"] < 300)
    print(f"statuses {dict(sorted(statuses.items()))}")
    print(f"good answers {dict(sorted(good.items()))}")
    faults = sum(count for status, count in statuses.items() if status >= 500)
    if faults:
        sys.exit(f"{faults} answers were the emulator's own fault")
    if code:
        sys.exit(code)
    return good


options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("--examples", type=int, default=60, help="generated requests per operation and phase")
options.add_argument("--seed", type=int, default=1, help="seed of the generated requests")
options, more = options.parse_known_args()

started = time.monotonic()
entries, operations, code = run_schemathesis(options.seed, more)
good = check_results(entries, code)
total = entries[-1]["number"] - entries[0]["number"] + 1
print(f"{total} requests in {time.monotonic() - started:.0f} s")
if not more:
    if total < MIN_REQUESTS:
        sys.exit(f"only {total} requests were made, at least {MIN_REQUESTS} are wanted")
    if untried := operations - NEVER_SUCCESSFUL - set(good):
        print(f"no request was good for {sorted(untried)}: these once more")
        # The links between operations need those that are left out.
        alone = ["--phases", "coverage,fuzzing"]
        alone += [word for operation in sorted(untried) for word in ("--include-operation-id", operation)]
        entries, _, code = run_schemathesis(options.seed + 1, alone)
        if untried := untried - set(check_results(entries, code)):
            sys.exit(f"no request was good for {sorted(untried)}")
