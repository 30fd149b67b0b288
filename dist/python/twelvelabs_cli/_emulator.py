"""The emulator as a child process, and its control API."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from typing import IO, Any, Dict, List, Optional, Sequence
from urllib.parse import urlencode

from ._program import find_program

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_REQUEST_SECONDS = 30.0
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class EmulatorError(Exception):
    """The emulator did not start, or refused a control request."""


class Emulator:
    """An emulator of the platform's API on a free port of 127.0.0.1.

    It starts when it is created and stops with `stop` or at the end of a `with` block.
    `arguments` are options of `tl emulator`, for example `["--plan", "free"]`.
    """

    def __init__(
        self, arguments: Sequence[str] = (), *, program: Optional[str] = None
    ) -> None:
        command = [program or find_program("tl"), "--json", "emulator", *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        # Both pipes are read to the end, so that the emulator never waits for a reader.
        self._errors = _Lines(self._process.stderr)
        self._output = _Lines(self._process.stdout)
        line = self._output.first(_START_SECONDS)
        try:
            started = json.loads(line or "")
            self.base_url: str = started["base_url"]
            self.api_key: str = started["api_key"]
            #: The page of the emulator, and the root of its control API.
            self.control_url: str = started["pages"].rstrip("/")
        except (ValueError, KeyError):
            self.stop()
            raise EmulatorError(
                f"`{' '.join(command)}` did not start: {self._errors.text() or line}"
            ) from None
        self.clock = Clock(self)
        self.faults = Faults(self)
        self._mode = self.control("GET", "/clock")["mode"]
        self._plan = self.control("GET", "/faults")["plan"]

    @property
    def env(self) -> Dict[str, str]:
        """The variables that clients of the platform read."""
        return {
            "TWELVELABS_BASE_URL": self.base_url,
            "TWELVE_LABS_API_KEY": self.api_key,
        }

    def journal(self, **filters: Any) -> List[Dict[str, Any]]:
        """The requests so far. Filters: operation, method, path, status, code, after, until, bodies."""
        pairs = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in filters.items()
        }
        entries: List[Dict[str, Any]] = self.control("GET", f"/journal?{urlencode(pairs)}")["entries"]
        return entries

    def seed(self, seed: Dict[str, Any]) -> Dict[str, Any]:
        """Creates indexes and videos; the format is that of `tl emulator --seed`."""
        created: Dict[str, Any] = self.control("POST", "/seed", seed)
        return created

    def reset(self) -> None:
        """Deletes all data and the journal; faults and clock mode are again those of the start."""
        self.control("POST", "/reset")
        self.control("PUT", "/faults", self._plan)
        self.clock.set(self._mode)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request to the control API; `path` begins after `/_emulator`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.control_url + path,
            data=data,
            method=method,
            headers={} if data is None else {"Content-Type": "application/json"},
        )
        try:
            # A proxy of the environment is for other hosts.
            with _NO_PROXY.open(request, timeout=_REQUEST_SECONDS) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise EmulatorError(f"{method} {path}: {error.read().decode()}") from None
        except OSError as error:
            raise EmulatorError(f"{method} {path}: {error}") from error
        return json.loads(text) if text else None

    def stop(self) -> None:
        """Stops the emulator. Further calls do nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()
        self._errors.close()

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Clock:
    """The time of an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def now(self) -> str:
        """As an RFC 3339 timestamp."""
        now: str = self._emulator.control("GET", "/clock")["now"]
        return now

    def set(self, mode: str) -> None:
        """`real`, `manual`, or a factor such as `x60`."""
        self._emulator.control("PUT", "/clock", {"mode": mode})

    def advance(self, seconds: Optional[float] = None, *, until: Optional[str] = None) -> None:
        """Moves the clock by `seconds`, or until a task ends (`next-end`) or all have (`idle`)."""
        given = {"seconds": seconds, "until": until}
        body = {name: value for name, value in given.items() if value is not None}
        self._emulator.control("POST", "/clock/advance", body)


class Faults:
    """The faults that an emulator injects."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def add(self, fault: str) -> None:
        """A fault in the syntax of `tl emulator --fault`; see `tl emulator faults --help`."""
        self._emulator.control("POST", "/faults", fault)

    def clear(self) -> None:
        """Removes all faults."""
        self._emulator.control("DELETE", "/faults")

    def injected(self) -> Any:
        """What was injected so far."""
        return self._emulator.control("GET", "/faults")["struck"]


class _Lines:
    """Reads a pipe on a thread and keeps its last lines."""

    _KEPT = 100

    def __init__(self, pipe: Optional[IO[str]]) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._lines: List[str] = []
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:
            self._lines.append(line)
            del self._lines[: -self._KEPT]
            self._first.set()
        self._first.set()

    def first(self, seconds: float) -> Optional[str]:
        self._first.wait(seconds)
        return self._lines[0] if self._lines else None

    def text(self) -> str:
        return "".join(self._lines).strip()

    def close(self) -> None:
        self._thread.join(_STOP_SECONDS)
        self._pipe.close()
