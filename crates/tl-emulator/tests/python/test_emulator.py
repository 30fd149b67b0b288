"""What the emulator adds to the platform: faults by file, command and API, plans, switches, webhooks, and state that survives."""

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
from test_assets import make, wait_for
from twelvelabs.core.api_error import ApiError

GONE = (httpx.RemoteProtocolError, httpx.ReadError)


@contextlib.contextmanager
def faulty(way, *faults):
    """An emulator with faults, each as text, brought to it by one of three ways."""
    if way == "command":
        options = [word for fault in faults for word in ("--fault", fault)]
        with running("--allow-private", *options) as emulator:
            yield emulator
    elif way == "api":
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
    """One request, and what became of it: the answer, or `gone`."""
    try:
        return httpx.get(emulator.base_url + path, headers={"x-api-key": emulator.api_key})
    except GONE:
        return "gone"


def outcomes(emulator, count, path="/tasks"):
    """What became of so many requests: statuses, or `gone`."""
    answers = [get(emulator, path) for _ in range(count)]
    return [answer if answer == "gone" else answer.status_code for answer in answers]


WAYS = pytest.mark.parametrize("way", ["command", "file", "api"])


@WAYS
def test_the_nth_the_every_and_the_first_times_are_met(way):
    with faulty(way, "tasks.list nth=2,4 status=503", "indexes.list every=2 status=500", "assets.list times=1 status=502") as emulator:
        assert outcomes(emulator, 5) == [200, 503, 200, 503, 200]
        assert outcomes(emulator, 4, "/indexes") == [200, 500, 200, 500]
        assert outcomes(emulator, 3, "/assets") == [502, 200, 200]
        struck = emulator.control("GET", "/faults")["struck"]
        assert struck == [2, 2, 1]
        assert len(emulator.journal(status=503)) == 2


@WAYS
def test_chance_comes_from_a_seed(way):
    with faulty(way, "tasks.list probability=0.5 status=503") as emulator:
        first = outcomes(emulator, 20)
    with faulty(way, "tasks.list probability=0.5 status=503") as emulator:
        assert outcomes(emulator, 20) == first
    assert 3 < first.count(503) < 17


@WAYS
def test_status_body_and_waiting_time_are_what_was_asked(way):
    with faulty(way, "tasks.list status=400 code=odd message=why", "indexes.list retry_after=7", "assets.list status=502 body=<p>bad") as emulator:
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


@WAYS
def test_answers_are_late_slow_cut_and_lost(way):
    with faulty(
        way,
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


@WAYS
def test_work_is_done_although_the_answer_is_lost_or_another_one(way):
    with faulty(
        way,
        "indexes.create nth=1 lose_answer",
        "indexes.create nth=2 status=500 after_work",
        "indexes.create nth=3 drop",
        "tasks.create duplicate",
    ) as emulator:
        with pytest.raises(GONE):
            emulator.index("lost")
        with refused(ApiError, 500, "generic_error"):
            emulator.index("answered")
        with pytest.raises(GONE):
            emulator.index("dropped")
        assert [index.index_name for index in emulator.client.indexes.list()] == ["answered", "lost"]
        index = emulator.index("last")
        emulator.client.tasks.create(index_id=index, video_url="http://127.0.0.1:9/a.mp4")
        assert len(list(emulator.client.tasks.list(index_id=index))) == 2


@WAYS
def test_tasks_get_stuck_and_assets_fail_late(way, clips):
    with faulty(way, "tasks.create stuck_in=queued", "assets.create fail_in=validating reason=worn-out") as emulator:
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
def test_a_plan_allows_its_requests_a_minute_and_no_more(plan, limit):
    with running("--plan", plan, "--clock", "manual", "--quirk", "retry-after=date") as emulator:
        body = {"index_id": emulator.index(), "video_url": "http://example.com/a.mp4"}
        with httpx.Client(headers={"x-api-key": emulator.api_key}) as client:
            send = lambda: client.post(f"{emulator.base_url}/tasks", files={name: (None, text) for name, text in body.items()})
            answers = [send() for _ in range(limit + 1)]
        assert {answer.status_code for answer in answers[:-1]} == {201}
        first, last = answers[0].headers, answers[-1]
        assert (first["x-ratelimit-limit"], first["x-ratelimit-remaining"], first["x-ratelimit-used"]) == (str(limit), str(limit - 1), "1")
        assert first["x-ratelimit-request-remaining"] == str(limit - 1)
        assert (last.status_code, set(last.json())) == (429, {"code", "message"})
        assert last.json()["code"] == "too_many_requests" and f"{limit} requests per minute" in last.json()["message"]
        assert last.headers["retry-after"].endswith(" GMT")


# Webhooks


@contextlib.contextmanager
def receiver(refusals):
    """An address that refuses so many times, and what came to it: headers and body."""
    came = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((self.headers, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(503 if len(came) <= refusals else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", came
    server.shutdown()


def signed(secret, headers, body):
    """Whether the signature is the documented one: HMAC-SHA256 of `time.body`, at about this time."""
    parts = dict(part.split("=", 1) for part in headers["TL-Signature"].split(","))
    digest = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert abs(int(parts["t"]) - time.time()) < 300
    return hmac.compare_digest(parts["v1"], digest)


def test_events_are_signed_and_sent_again_with_the_same_id(clips, site):
    with receiver(refusals=1) as (url, came), running("--webhook", f"{url},hush", "--allow-private") as emulator:
        index = emulator.index()
        with open(clips / "good.mp4", "rb") as file:
            task = emulator.client.tasks.create(index_id=index, video_file=file)
        wait_for(lambda: emulator.client.tasks.retrieve(task.id))
        for _ in range(200):
            if len(came) >= 2:
                break
            time.sleep(0.05)
        assert len(came) == 2
        assert all(signed("hush", *event) for event in came)
        assert not signed("wrong", *came[0])
        first, again = (json.loads(body) for _, body in came)
        assert first == again
        assert (first["type"], first["data"]["id"], first["data"]["status"]) == ("index.task.ready", task.id, "ready")
        assert first["id"] and first["created_at"]
        assert 4.9 < first["data"]["metadata"]["duration"] < 5.2
        assert first["data"]["models"] == [{"name": "marengo3.0", "options": ["visual", "audio"]}]
        bad = emulator.client.tasks.create(index_id=index, video_url=f"{site}/small.mp4")
        wait_for(lambda: emulator.client.tasks.retrieve(bad.id), "failed")
        for _ in range(200):
            if len(came) >= 3:
                break
            time.sleep(0.05)
        last = json.loads(came[2][1])
        assert (last["type"], last["data"]["id"], last["data"]["status"]) == ("index.task.failed", bad.id, "failed")
        assert last["id"] != first["id"]
        delivered = emulator.control("GET", "/webhooks")["deliveries"]
        assert [(event["attempts"], event["delivered"]) for event in delivered] == [(2, True), (1, True)]


# Switches and state


def test_every_switch_is_listed_and_taken():
    listed = json.loads(subprocess.run([os.environ["TL"], "emulator", "quirks", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    last = [f"{quirk['name']}={quirk['values'][-1]}" for quirk in listed]
    with running(*[word for quirk in last for word in ("--quirk", quirk)]) as emulator:
        told = emulator.control("GET", "/quirks")
        assert [f"{quirk['name']}={quirk['value']}" for quirk in told] == last
        assert all(quirk["why"] and quirk["default"] == quirk["values"][0] for quirk in told)


def test_a_state_survives_the_end_of_the_emulator(clips):
    with tempfile.TemporaryDirectory() as folder:
        with running("--state", folder) as emulator:
            index = emulator.index("kept")
            asset = make(emulator, clips / "good.mp4").id
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


def test_the_command_brings_state_out_and_in_and_forgets_it():
    with running() as emulator:
        emulator.index("kept")
        tl = lambda *words, **more: subprocess.run(
            [os.environ["TL"], "emulator", *words, "--base-url", emulator.base_url], capture_output=True, check=True, text=True, **more
        ).stdout
        state = tl("export")
        assert json.loads(state)
        assert "forgotten" in tl("reset")
        assert list(emulator.client.indexes.list()) == []
        tl("import", "-", input=state)
        assert [index.index_name for index in emulator.client.indexes.list()] == ["kept"]
        assert emulator.api_key not in str(emulator.journal())
