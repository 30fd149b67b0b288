"""Fixtures: emulators, clips, and counts of assertions and covered operations."""

import contextlib
import functools
import http.server
import json
import pathlib
import sys
import tempfile
import threading
import urllib.request

import httpx
import pytest
from api_description import ApiDescription
from programs import create_clip, start, stop
from twelvelabs import TwelveLabs

sys.dont_write_bytecode = True

# Minimum number of assertions in a run of the whole suite.
MIN_ASSERTIONS = 1000

COUNTS = {"assertions": 0, "refusals": 0, "operations": set(), "described": set()}


class Emulator:
    """A running emulator and its client. Every response is checked against the API description."""

    def __init__(self, *options):
        self.process, line = start(*options)
        self.base_url = line["base_url"]
        self.control_url = line["pages"]
        self.api_key = line["api_key"]
        description = self.control("GET", "/openapi.json")
        self.described = ApiDescription(description)
        paths = description["paths"].values()
        COUNTS["described"] |= {operation["operationId"] for path in paths for operation in path.values()}
        # Responses changed by a quirk or a fault are not described.
        self.is_described = not {"--quirk", "--fault"} & set(options)
        self.client = TwelveLabs(
            api_key=self.api_key,
            base_url=self.base_url,
            httpx_client=httpx.Client(timeout=60, follow_redirects=True, event_hooks={"response": [self.check_response]}),
        )

    def check_response(self, response):
        if self.is_described:
            self.described.check_response(response)

    def control(self, method, path, body=None):
        if path == "/faults":
            self.is_described = False
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data=data, method=method)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as response:
            text = response.read()
        return json.loads(text) if text else None

    def journal(self, **wanted):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return self.control("GET", f"/journal?{query}")["entries"]

    def index(self, name="clips", options=("visual", "audio")):
        models = [{"model_name": "marengo3.0", "model_options": list(options)}]
        return self.client.indexes.create(index_name=name, models=models).id

    def stop(self):
        COUNTS["operations"] |= self.described.seen
        stop(self.process)


@contextlib.contextmanager
def running(*options):
    emulator = Emulator(*options)
    try:
        yield emulator
    finally:
        emulator.stop()


@contextlib.contextmanager
def refused(kind, status, code):
    """Expects the block to fail with this error class, status and code."""
    with pytest.raises(kind) as error:
        yield error
    body = error.value.body
    seen = body["code"] if isinstance(body, dict) else body.code
    assert (error.value.status_code, seen) == (status, code)
    COUNTS["refusals"] += 1


@pytest.fixture
def emulator():
    with running("--allow-private") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def clips():
    """A directory with good.mp4, small.mp4, short.mp4 and text.mp4."""
    with tempfile.TemporaryDirectory(prefix="tl-emulator-python-") as folder:
        folder = pathlib.Path(folder)
        for name, size, seconds in [("good", "640x360", 5), ("small", "320x180", 5), ("short", "640x360", 2)]:
            create_clip(folder / f"{name}.mp4", size, seconds)
        (folder / "text.mp4").write_text("this is no video")
        yield folder


@pytest.fixture(scope="session")
def site(clips):
    """The URL of a server for the clips."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(clips))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def pytest_assertion_pass(item, lineno, orig, expl):
    COUNTS["assertions"] += 1


def pytest_sessionfinish(session, exitstatus):
    """Fails a complete run with too few assertions or an uncovered operation."""
    if exitstatus == 0 and not session.config.option.keyword and not session.config.args_source.name == "ARGS":
        if COUNTS["assertions"] < MIN_ASSERTIONS or COUNTS["described"] - COUNTS["operations"]:
            session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    driven, described = COUNTS["operations"], COUNTS["described"]
    terminalreporter.write_line(
        f"{COUNTS['assertions']} assertions held; {len(driven)} of {len(described)} operations were driven"
    )
    if missing := described - driven:
        terminalreporter.write_line(f"not driven: {', '.join(sorted(missing))}")
