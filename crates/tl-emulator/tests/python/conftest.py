"""Starts emulators for the suite, makes its clips, counts its assertions and the operations that it drove."""

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
from described import Described
from programs import clip, start, stop
from twelvelabs import TwelveLabs

sys.dont_write_bytecode = True

# The least that a run of the whole suite must hold.
LEAST_ASSERTIONS = 80

COUNTED = {"assertions": 0, "refusals": 0, "operations": set(), "described": set()}


class Emulator:
    """A running emulator and a client of it, whose answers are held against the description."""

    def __init__(self, *options):
        self.process, line = start(*options)
        self.base_url = line["base_url"]
        self.control_url = line["pages"]
        self.api_key = line["api_key"]
        description = self.control("GET", "/openapi.json")
        self.described = Described(description)
        paths = description["paths"].values()
        COUNTED["described"] |= {operation["operationId"] for path in paths for operation in path.values()}
        # What a switch or a fault changes is not described.
        self.is_described = not {"--quirk", "--fault"} & set(options)
        self.client = TwelveLabs(
            api_key=self.api_key,
            base_url=self.base_url,
            httpx_client=httpx.Client(timeout=60, follow_redirects=True, event_hooks={"response": [self.hold]}),
        )

    def hold(self, response):
        if self.is_described:
            self.described.hold(response)

    def control(self, method, path, body=None):
        if path == "/faults":
            self.is_described = False
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data=data, method=method)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def journal(self, **wanted):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return self.control("GET", f"/journal?{query}")["entries"]

    def index(self, name="clips", options=("visual", "audio")):
        models = [{"model_name": "marengo3.0", "model_options": list(options)}]
        return self.client.indexes.create(index_name=name, models=models).id

    def stop(self):
        COUNTED["operations"] |= self.described.seen
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
    """What is done in this block is refused with this class of error, this status and this code."""
    with pytest.raises(kind) as error:
        yield error
    body = error.value.body
    seen = body["code"] if isinstance(body, dict) else body.code
    assert (error.value.status_code, seen) == (status, code)
    COUNTED["refusals"] += 1


@pytest.fixture
def emulator():
    with running("--allow-private") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def clips():
    """A folder with good.mp4, small.mp4, short.mp4 and text.mp4."""
    with tempfile.TemporaryDirectory(prefix="tl-emulator-python-") as folder:
        folder = pathlib.Path(folder)
        for name, size, seconds in [("good", "640x360", 5), ("small", "320x180", 5), ("short", "640x360", 2)]:
            clip(folder / f"{name}.mp4", size, seconds)
        (folder / "text.mp4").write_text("this is no video")
        yield folder


@pytest.fixture(scope="session")
def site(clips):
    """The address under which the clips are served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(clips))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def pytest_assertion_pass(item, lineno, orig, expl):
    COUNTED["assertions"] += 1


def pytest_sessionfinish(session, exitstatus):
    """A whole run that held too little, or left an operation out, has failed."""
    if exitstatus == 0 and not session.config.option.keyword and not session.config.args_source.name == "ARGS":
        if COUNTED["assertions"] < LEAST_ASSERTIONS or COUNTED["described"] - COUNTED["operations"]:
            session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    driven, described = COUNTED["operations"], COUNTED["described"]
    terminalreporter.write_line(
        f"{COUNTED['assertions']} assertions held; {len(driven)} of {len(described)} operations were driven"
    )
    if missing := described - driven:
        terminalreporter.write_line(f"not driven: {', '.join(sorted(missing))}")
