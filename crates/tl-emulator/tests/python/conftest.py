"""Starts emulators for the suite and makes its clips."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request

import pytest
from twelvelabs import TwelveLabs

sys.dont_write_bytecode = True


class Emulator:
    """A running emulator and a client of it."""

    def __init__(self, *options):
        program = os.environ["TL_EMULATOR"]
        self.process = subprocess.Popen([program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = json.loads(self.process.stdout.readline())
        self.base_url = line["base_url"]
        self.control_url = line["control_url"]
        self.api_key = line["api_key"]
        self.client = TwelveLabs(api_key=self.api_key, base_url=self.base_url)

    def control(self, method, path, body=None):
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
        self.process.stdin.close()
        self.process.wait(timeout=30)


@contextlib.contextmanager
def running(*options):
    emulator = Emulator(*options)
    try:
        yield emulator
    finally:
        emulator.stop()


@pytest.fixture
def emulator():
    with running("--allow-private-urls") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def clips():
    """A folder with good.mp4, small.mp4, short.mp4 and text.mp4."""
    with tempfile.TemporaryDirectory(prefix="tl-emulator-python-") as folder:
        folder = pathlib.Path(folder)
        for name, size, seconds in [("good", "640x360", 5), ("small", "320x180", 5), ("short", "640x360", 2)]:
            subprocess.run(
                ["ffmpeg", "-v", "error", "-nostdin"]
                + ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
                + ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
                + ["-c:v", "mpeg4", "-q:v", "9", "-c:a", "aac", "-shortest", str(folder / f"{name}.mp4")],
                check=True,
            )
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
