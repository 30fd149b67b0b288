"""Every command of `tl` against a server of others: Prism makes answers from the API description.

What it answers conforms to the description and makes no sense: members are missing, texts are random,
nothing is remembered. Every answer must be decoded all the same.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import running
from test_entities import png

ID = "aaaaaaaaaaaaaaaaaaaaaaaa"
UUID = "018bcfe5-6800-7000-8000-000000000001"
STORE, ITEM, GROUP = f"ks_{UUID}", f"ksi_{UUID}", f"ksic_{UUID}"
INDEX, PEOPLE = f"--index {ID}", f"--collection {ID}"
# Within the pattern by which the description lets generated requests succeed.
URI = "https://team.example/back"

# Every command that calls the API.
COMMANDS = f"""
asset list
asset get {ID}
asset delete {ID} --yes
asset entities {ID}
asset update {ID} --metadata team=red
asset videos {ID}
analyze task list
analyze task get {ID}
analyze task cancel {ID}
analyze task delete {ID} --yes
analyze batch list
analyze batch get {ID}
analyze batch cancel {ID}
analyze batch delete {ID} --yes
embed list
embed text goal
embed text goal --model marengo3.5
embed image {ID}
embed indexed {INDEX} {ID}
embed video {ID} --at-once
search goal {INDEX}
search goal {INDEX} --image people/Ada/a.png
entity add-folder {PEOPLE} people
entity collection get {ID}
task list
task get {ID}
task delete {ID} --yes
index create clips
index list
index get {ID}
index rename {ID} games
index delete {ID} --yes
video list {INDEX}
video get {INDEX} {ID}
video update {INDEX} {ID} --metadata team=red
video delete {INDEX} {ID} --yes
upload list
entity list {PEOPLE}
entity get {PEOPLE} {ID}
entity create {PEOPLE} Ada {ID}
entity update {PEOPLE} {ID} --name Bo
entity add-images {PEOPLE} {ID} {ID}
entity remove-images {PEOPLE} {ID} {ID}
entity delete {PEOPLE} {ID} --yes
entity collection create people
entity collection list
entity collection update {ID} --name players
entity collection delete {ID} --yes
store create matches
store list
store get {STORE}
store update {STORE} --name games
store delete {STORE} --yes
store search {STORE} goal
store item add {STORE} {ID}
store item list {STORE}
store item get {STORE} {ITEM}
store item remove {STORE} {ITEM} --yes
store collection create {STORE} finals
store collection list {STORE}
store collection get {STORE} {GROUP}
store collection update {STORE} {GROUP} --name finals
store collection items {STORE} {GROUP}
store collection add {STORE} {GROUP} {ITEM}
store collection remove {STORE} {GROUP} {ITEM}
store collection delete {STORE} {GROUP} --yes
connection authorize --redirect-uri {URI}
connection list
connection get {ID}
connection picker-token {ID}
connection delete {ID} --yes
connection redirect-uri add {URI}
connection redirect-uri list
connection redirect-uri delete {ID} --yes
import list {ID}
import get {ID} {ID}
""".strip().splitlines()

# Commands whose exit code depends on a status. A random status is no failure of decoding: it may be a
# failure or never change.
WAITS = f"""
import create {ID} 1a
analyze batch results {ID}
upload good.mp4
upload good.mp4 --wait --deadline 1s
ingest good.mp4 {INDEX} --wait --deadline 1s
ingest-one good.mp4 {INDEX} --deadline 1s
embed audio {ID} --deadline 1s
embed video {ID} --deadline 1s
embed resume {ID} --deadline 1s
entity add-folder {PEOPLE} people --wait --deadline 1s
asset wait {ID} --deadline 1s
asset transcription {ID}
import wait {ID} {ID} --deadline 1s
task wait {ID} --deadline 1s
video wait {INDEX} {ID} --deadline 1s
entity wait {PEOPLE} {ID} --deadline 1s
store item wait {STORE} {ITEM} --deadline 1s
""".strip().splitlines()
WAIT_CODES = {0, 1, 5, 7, 8}

# Prism sends a single JSON value where the platform streams events: for an analysis, an event without
# the end of the stream; for a chat, none. Both must be reported, with the exit codes 9 and 5.
STREAMS = {f"analyze {ID} Why?": 9, f"ask {STORE} Who?": 5}

# The embeddings that the second command reads are written by the first one.
SAVED = ["embed text goal -o saved.jsonl", "embed query saved.jsonl goal"]

# Commands that are not driven here, and why.
ELSEWHERE = {
    "upload abandon": "deletes local checkpoints only",
    "status": "reads the ledger",
    "worker": "works on items of a ledger until it is stopped; `ingest` does the same once",
    "doctor": "prints what it finds, of whatever kind",
}
LOCAL = ("validate", "fix", "split", "ledger", "webhook", "rules", "emulator", "config", "completions")


def bounded(schema, name=None):
    """Bounds numbers and lists, and ends every list at its first page."""
    if isinstance(schema, dict):
        # A property may be named `type`: then its value is a schema.
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "integer" in kinds or "number" in kinds:
            schema.setdefault("minimum", 0)
            schema.setdefault("maximum", 1000)
        if name == "total_page":
            schema.update(minimum=1, maximum=1)
        if "array" in kinds:
            schema.setdefault("maxItems", 3)
        if isinstance(properties := schema.get("properties"), dict):
            properties.pop("next_page_token", None)
        for key, value in schema.items():
            bounded(value, key)
    elif isinstance(schema, list):
        for value in schema:
            bounded(value)
    return schema


def playable(description):
    """Changes what Prism cannot play, and nothing that is decoded.

    It keeps one of several form parts with the same name and then misses the array. It fails to make
    lists whose items are of several kinds: the first kind is left. It makes a text instead of JSON
    lines: one line is left.
    """
    schemas = description["components"]["schemas"]

    def resolved(schema):
        return schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            if kinds := member.get("items", {}).get("oneOf"):
                member["items"] = kinds[0]
    for path in description["paths"].values():
        for operation in path.values():
            if form := operation.get("requestBody", {}).get("content", {}).get("multipart/form-data"):
                properties = resolved(form["schema"]).get("properties", {})
                properties.update({name: {} for name, schema in properties.items() if schema.get("type") == "array"})
            for response in operation["responses"].values():
                content = response.get("content", {})
                if lines := content.pop("application/jsonl", None):
                    content["application/json"] = {"schema": lines.get("x-lines", lines["schema"])}
    return description


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    """Of a file, if `API_DESCRIPTION` names one, else of the emulator."""
    if given := os.environ.get("API_DESCRIPTION"):
        found = json.loads(pathlib.Path(given).read_text())
    else:
        with running() as emulator:
            found = emulator.control("GET", "/openapi.json")
    path = tmp_path_factory.mktemp("prism") / "openapi.json"
    path.write_text(json.dumps(playable(bounded(found))))
    return path


@pytest.fixture(scope="module", params=["1", "2"])
def prism(description, request):
    """The base URL of a server with answers by this seed."""
    port = free_port()
    program = pathlib.Path(os.environ["JS_CLIENT"]) / "node_modules/@stoplight/prism-cli/dist/index.js"
    command = ["node", str(program), "mock", "--dynamic", "--seed", request.param, "--port", str(port), str(description)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not is_up(base):
            assert process.poll() is None and time.monotonic() < deadline, "Prism does not start"
            time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=30)


def is_up(base):
    try:
        urllib.request.urlopen(base, timeout=30)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture
def tl(prism, clips, tmp_path):
    shutil.copy(clips / "good.mp4", tmp_path)
    (tmp_path / "people" / "Ada").mkdir(parents=True)
    (tmp_path / "people" / "Ada" / "a.png").write_bytes(png())
    env = {
        **os.environ,
        "TWELVE_LABS_API_KEY": "tlk_prism",
        "TWELVELABS_BASE_URL": prism,
        "TL_CHECKPOINTS": str(tmp_path / "checkpoints"),
        "TL_CACHE": str(tmp_path / "cache"),
        "TL_LEDGER": str(tmp_path / "ledger.db"),
    }

    def run(command):
        words = command if isinstance(command, list) else command.split()
        options = ["--json", "--quiet", "--no-config", "--attempts", "1"]
        done = subprocess.run([os.environ["TL"], *words, *options], env=env, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        return done

    return run


def report(command, done):
    return f"tl {command}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_answers_are_decoded(tl):
    wrong = [report(command, done) for command in COMMANDS if (done := tl(command)).returncode]
    assert not wrong, "\n".join(wrong)


def test_saved_embeddings_are_searched(tl):
    for command in SAVED:
        done = tl(command)
        assert done.returncode == 0, report(command, done)


def test_waits(tl):
    for command in WAITS:
        done = tl(command)
        assert done.returncode in WAIT_CODES, report(command, done)
        assert '"malformed"' not in done.stdout, report(command, done)


def test_streams_without_an_end(tl):
    for command, code in STREAMS.items():
        done = tl(command)
        assert done.returncode == code, report(command, done)


def leaves(words=()):
    """The commands without subcommands, by their help."""
    text = subprocess.run([os.environ["TL"], *words, "--help"], capture_output=True, text=True, timeout=60).stdout
    listed = re.search(r"^Commands:\n(.*?)(\n\n|\Z)", text, re.S | re.M)
    if not listed:
        yield " ".join(words)
        return
    for name in re.findall(r"^  ([a-z-]+)", listed[1], re.M):
        if name != "help" and name not in LOCAL:
            yield from leaves((*words, name))


def test_every_command_is_driven():
    driven = [*COMMANDS, *SAVED, *WAITS, *STREAMS, *ELSEWHERE]
    missing = [leaf for leaf in leaves() if not any(command == leaf or command.startswith(leaf + " ") for command in driven)]
    assert missing == []
