"""Features of the emulator: faults by file, command and API, plans, quirks, webhooks, and persistent state."""

import contextlib
import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import httpx
import pytest
from conftest import refused, running
from programs import start
from test_assets import create_asset, wait_for
from twelvelabs.core.api_error import ApiError

DISCONNECTED = (httpx.RemoteProtocolError, httpx.ReadError)


@contextlib.contextmanager
def emulator_with_faults(source, *faults):
    """An emulator with these faults, set via the command line, a file or the API."""
    if source == "command":
        options = [word for fault in faults for word in ("--fault", fault)]
        with running("--allow-private", *options) as emulator:
            yield emulator
    elif source == "api":
        with running("--allow-private") as emulator:
            for fault in faults:
                emulator.control("POST", "/faults", fault)
            yield emulator
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            command = [os.environ["TL"], "emulator", "faults", "--json", *faults]
            file.write(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
            file.flush()
            with running("--allow-private", "--fault", file.name) as emulator:
                yield emulator


def get(emulator, path):
    """Sends a request. Returns the response, or `gone` if the connection broke."""
    try:
        return httpx.get(emulator.base_url + path, headers={"x-api-key": emulator.api_key})
    except DISCONNECTED:
        return "gone"


def outcomes(emulator, count, path="/tasks"):
    """The outcomes of `count` requests: the status, or `gone`."""
    responses = [get(emulator, path) for _ in range(count)]
    return [response if response == "gone" else response.status_code for response in responses]


ALL_SOURCES = pytest.mark.parametrize("source", ["command", "file", "api"])


@ALL_SOURCES
def test_faults_by_nth_every_and_times(source):
    with emulator_with_faults(source, "tasks.list nth=2,4 status=503", "indexes.list every=2 status=500", "assets.list times=1 status=502") as emulator:
        assert outcomes(emulator, 5) == [200, 503, 200, 503, 200]
        assert outcomes(emulator, 4, "/indexes") == [200, 500, 200, 500]
        assert outcomes(emulator, 3, "/assets") == [502, 200, 200]
        injected = emulator.control("GET", "/faults")["struck"]
        assert injected == [2, 2, 1]
        assert len(emulator.journal(status=503)) == 2


@ALL_SOURCES
def test_fault_probability_is_seeded(source):
    with emulator_with_faults(source, "tasks.list probability=0.5 status=503") as emulator:
        first = outcomes(emulator, 20)
    with emulator_with_faults(source, "tasks.list probability=0.5 status=503") as emulator:
        assert outcomes(emulator, 20) == first
    assert 3 < first.count(503) < 17


@ALL_SOURCES
def test_fault_status_body_and_retry_after(source):
    with emulator_with_faults(source, "tasks.list status=400 code=odd message=why", "indexes.list retry_after=7", "assets.list status=502 body=<p>bad") as emulator:
        with refused(ApiError, 400, "odd") as error:
            list(emulator.client.tasks.list())
        assert error.value.body["message"] == "why"
        with refused(ApiError, 429, "too_many_requests") as error:
            list(emulator.client.indexes.list())
        assert error.value.headers["retry-after"] == "7"
        with pytest.raises(ApiError) as error:
            list(emulator.client.assets.list())
        assert (error.value.status_code, error.value.body) == (502, "<p>bad")
        assert error.value.headers["content-type"] == "text/html"


@ALL_SOURCES
def test_faults_delay_throttle_cut_and_drop(source):
    with emulator_with_faults(
        source,
        "tasks.list nth=1 delay_ms=600",
        "tasks.list nth=2 bytes_per_second=200",
        "tasks.list nth=3 cut_after=60",
        "tasks.list nth=4 drop",
    ) as emulator:
        started = time.monotonic()
        assert outcomes(emulator, 1) == [200]
        assert time.monotonic() - started >= 0.6
        started = time.monotonic()
        assert outcomes(emulator, 1) == [200]
        assert time.monotonic() - started >= 0.3
        assert outcomes(emulator, 3) == ["gone", "gone", 200]


@ALL_SOURCES
def test_faults_after_the_operation(source):
    with emulator_with_faults(
        source,
        "indexes.create nth=1 lose_answer",
        "indexes.create nth=2 status=500 after_work",
        "indexes.create nth=3 drop",
        "tasks.create duplicate",
    ) as emulator:
        with pytest.raises(DISCONNECTED):
            emulator.index("lost")
        with refused(ApiError, 500, "generic_error"):
            emulator.index("answered")
        with pytest.raises(DISCONNECTED):
            emulator.index("dropped")
        assert [index.index_name for index in emulator.client.indexes.list()] == ["answered", "lost"]
        index = emulator.index("last")
        emulator.client.tasks.create(index_id=index, video_url="http://127.0.0.1:9/a.mp4")
        assert len(list(emulator.client.tasks.list(index_id=index))) == 2


@ALL_SOURCES
def test_faults_hang_tasks_and_fail_assets(source, clips):
    with emulator_with_faults(source, "tasks.create stuck_in=queued", "assets.create fail_in=validating reason=worn-out") as emulator:
        index = emulator.index()
        with open(clips / "good.mp4", "rb") as file:
            task = emulator.client.tasks.create(index_id=index, video_file=file)
        with open(clips / "good.mp4", "rb") as file:
            asset = emulator.client.assets.create(method="direct", file=file)
        assert asset.status == "processing"
        failed = wait_for(lambda: emulator.client.assets.retrieve(asset.id), "failed")
        assert failed.error.message == "worn-out"
        emulator.control("POST", "/clock/advance", {"seconds": 3600})
        assert emulator.client.tasks.retrieve(task.id).status == "queued"


# Plans


@pytest.mark.parametrize("plan, limit", [("free", 60), ("developer-1", 60), ("developer-2", 120), ("developer-3", 240)])
def test_plan_limits_requests_per_minute(plan, limit):
    with running("--plan", plan, "--clock", "manual", "--quirk", "retry-after=date") as emulator:
        body = {"index_id": emulator.index(), "video_url": "http://example.com/a.mp4"}
        with httpx.Client(headers={"x-api-key": emulator.api_key}) as client:
            send = lambda: client.post(f"{emulator.base_url}/tasks", files={name: (None, text) for name, text in body.items()})
            responses = [send() for _ in range(limit + 1)]
        assert {response.status_code for response in responses[:-1]} == {201}
        first, last = responses[0].headers, responses[-1]
        assert (first["x-ratelimit-limit"], first["x-ratelimit-remaining"], first["x-ratelimit-used"]) == (str(limit), str(limit - 1), "1")
        assert first["x-ratelimit-request-remaining"] == str(limit - 1)
        assert (last.status_code, set(last.json())) == (429, {"code", "message"})
        assert last.json()["code"] == "too_many_requests" and f"{limit} requests per minute" in last.json()["message"]
        assert last.headers["retry-after"].endswith(" GMT")


# Webhooks


@contextlib.contextmanager
def webhook_receiver(refusals):
    """A webhook receiver that rejects the first events. Yields its URL and the received headers and bodies."""
    events = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            events.append((self.headers, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(503 if len(events) <= refusals else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", events
    server.shutdown()


def has_valid_signature(secret, headers, body):
    """Whether the signature is as documented: HMAC-SHA256 of `time.body`, with a recent time."""
    parts = dict(part.split("=", 1) for part in headers["TL-Signature"].split(","))
    digest = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert abs(int(parts["t"]) - time.time()) < 300
    return hmac.compare_digest(parts["v1"], digest)


def test_events_are_signed_and_retried_with_the_same_id(clips, site):
    with webhook_receiver(refusals=1) as (url, events), running("--webhook", f"{url},hush", "--allow-private") as emulator:
        index = emulator.index()
        with open(clips / "good.mp4", "rb") as file:
            task = emulator.client.tasks.create(index_id=index, video_file=file)
        wait_for(lambda: emulator.client.tasks.retrieve(task.id))
        for _ in range(200):
            if len(events) >= 2:
                break
            time.sleep(0.05)
        assert len(events) == 2
        assert all(has_valid_signature("hush", *event) for event in events)
        assert not has_valid_signature("wrong", *events[0])
        first, again = (json.loads(body) for _, body in events)
        assert first == again
        assert (first["type"], first["data"]["id"], first["data"]["status"]) == ("index.task.ready", task.id, "ready")
        assert first["id"] and first["created_at"]
        assert 4.9 < first["data"]["metadata"]["duration"] < 5.2
        assert first["data"]["models"] == [{"name": "marengo3.0", "options": ["visual", "audio"]}]
        bad = emulator.client.tasks.create(index_id=index, video_url=f"{site}/small.mp4")
        wait_for(lambda: emulator.client.tasks.retrieve(bad.id), "failed")
        for _ in range(200):
            if len(events) >= 3:
                break
            time.sleep(0.05)
        last = json.loads(events[2][1])
        assert (last["type"], last["data"]["id"], last["data"]["status"]) == ("index.task.failed", bad.id, "failed")
        assert last["id"] != first["id"]
        delivered = emulator.control("GET", "/webhooks")["deliveries"]
        assert [(event["attempts"], event["delivered"]) for event in delivered] == [(2, True), (1, True)]


# Quirks and state


def test_every_quirk_is_listed_and_accepted():
    listed = json.loads(subprocess.run([os.environ["TL"], "emulator", "quirks", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    last = [f"{quirk['name']}={quirk['values'][-1]}" for quirk in listed]
    with running(*[word for quirk in last for word in ("--quirk", quirk)]) as emulator:
        body = emulator.control("GET", "/quirks")
        assert [f"{quirk['name']}={quirk['value']}" for quirk in body] == last
        assert all(quirk["why"] and quirk["default"] == quirk["values"][0] for quirk in body)


def test_state_survives_a_kill(clips):
    with tempfile.TemporaryDirectory() as folder:
        with running("--state", folder) as emulator:
            index = emulator.index("kept")
            asset = create_asset(emulator, clips / "good.mp4").id
        process, line = start("--state", folder)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with running("--state", folder) as emulator:
            assert [found.id for found in emulator.client.indexes.list()] == [index]
            assert emulator.client.assets.retrieve(asset).size == (clips / "good.mp4").stat().st_size
            exported = emulator.control("GET", "/state")
    with running() as other:
        other.control("PUT", "/state", exported)
        assert [found.index_name for found in other.client.indexes.list()] == ["kept"]
        other.control("POST", "/reset")
        assert list(other.client.indexes.list()) == []


def test_export_import_and_reset_commands():
    with running() as emulator:
        emulator.index("kept")
        tl = lambda *words, **more: subprocess.run(
            [os.environ["TL"], "emulator", *words, "--base-url", emulator.base_url], capture_output=True, check=True, text=True, **more
        ).stdout
        state = tl("export")
        assert json.loads(state)
        assert "deleted" in tl("reset")
        assert list(emulator.client.indexes.list()) == []
        tl("import", "-", input=state)
        assert [index.index_name for index in emulator.client.indexes.list()] == ["kept"]
        assert emulator.api_key not in str(emulator.journal())
