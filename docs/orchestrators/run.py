"""Runs Ray and Prefect for real: each ingests 200 clips with `tl ingest-one` into an emulator, with
a PostgreSQL ledger and one `tl` process after another killed. Prints the transcript.

    python docs/orchestrators/run.py TARGET [ray|prefect]...

TARGET is the folder with the programs `tl` and `tl-probe`. The packages `ray` and `prefect` are
installed in the Python that runs this. The PostgreSQL server is that of the distribution.
"""

from __future__ import annotations

import glob
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
CLIPS = 200
KILLS = 1


def say(text: str) -> None:
    print(text, flush=True)


def programs() -> pathlib.Path:
    folders = [os.environ.get("POSTGRES_BIN", ""), *sorted(glob.glob("/usr/lib/postgresql/*/bin"))]
    for folder in reversed(folders):
        if folder and pathlib.Path(folder, "initdb").exists():
            return pathlib.Path(folder)
    raise SystemExit("no PostgreSQL server: run `cargo xtask setup`, or set POSTGRES_BIN")


def start_postgres(folder: pathlib.Path) -> tuple[subprocess.Popen, str]:
    folder.mkdir()
    identity = {}
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
        identity = {"user": 65534, "group": 65534}
    data = folder / "data"
    subprocess.run(
        [programs() / "initdb", "-D", data, "--no-sync", "--username", "tl", "--auth", "trust"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **identity,
    )
    server = subprocess.Popen(
        [programs() / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **identity,
    )
    while not list(folder.glob(".s.PGSQL.*")):
        time.sleep(0.05)
    time.sleep(0.5)
    return server, f"postgres://tl@{str(folder).replace('/', '%2F')}/postgres"


def make_clips(folder: pathlib.Path) -> list[str]:
    folder.mkdir()
    template = folder / "template.mp4"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=10:d=5",
         "-f", "lavfi", "-i", "sine=d=5", "-c:v", "libx264", "-preset", "ultrafast", template],
        check=True,
    )
    movie = template.read_bytes()
    template.unlink()
    names = []
    for number in range(CLIPS):
        size = 16 + number
        filler = random.Random(number).randbytes(size - 8)
        clip = folder / f"clip-{number}.mp4"
        clip.write_bytes(movie + size.to_bytes(4, "big") + b"free" + filler)
        names.append(str(clip))
    return names


def get(url: str) -> dict:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def kill_one(engine: subprocess.Popen, target: pathlib.Path) -> str:
    """Kills a `tl ingest-one` of the engine with SIGKILL, once some clips are through."""
    program = str((target / "tl").resolve())
    while engine.poll() is None:
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                words = pathlib.Path(entry.path, "cmdline").read_bytes().split(b"\0")
                if words[0].decode() == program and b"ingest-one" in words:
                    environment = pathlib.Path(entry.path, "environ").read_bytes()
                    if os.environ["TL_RUN"].encode() in environment:
                        os.kill(int(entry.name), signal.SIGKILL)
                        return entry.name
            except (OSError, IndexError):
                continue
        time.sleep(0.01)
    return "none"


def check(base: str, index: str) -> None:
    state = get(f"{base}/_emulator/state")
    tasks = [task for task in as_list(state["tasks"]) if task["index_id"] == index]
    names = [task["filename"] for task in tasks]
    assets = as_list(state["assets"])
    say(f"indexed: {len(names)} videos of {len(set(names))} names; assets: {len(assets)}")
    assert len(names) == len(set(names)) == CLIPS, "a clip is missing or was indexed twice"
    assert len(assets) == CLIPS, "an asset is left over"


def as_list(table):
    return list(table.values()) if isinstance(table, dict) else table


def run(engine: str, target: pathlib.Path) -> None:
    say(f"\n== {engine}: {CLIPS} clips, 2 workers, one killed")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tl-orchestrators"))
    folder.chmod(0o755)
    processes = []
    try:
        server, ledger = start_postgres(folder / "postgres")
        processes.append(server)
        emulator = subprocess.Popen(
            [target / "tl", "emulator", "--port", "0", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        processes.append(emulator)
        started = json.loads(emulator.stdout.readline())
        base = started["base_url"]
        environment = os.environ | {
            "TL": str((target / "tl").resolve()),
            "TL_LEDGER": ledger,
            "TWELVELABS_BASE_URL": base,
            "TWELVE_LABS_API_KEY": started["api_key"],
            "TL_RUN": folder.name,
            "PYTHONPATH": str(HERE),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        os.environ["TL_RUN"] = folder.name
        created = subprocess.run(
            [target / "tl", "index", "create", "archive", "--model", "marengo3.0", "--json"],
            env=environment, capture_output=True, text=True, check=True,
        )
        index = json.loads(created.stdout)["_id"]
        clips = make_clips(folder / "clips")
        begin = time.monotonic()
        program = subprocess.Popen(
            [sys.executable, HERE / f"{engine}_ingest.py", index],
            stdin=subprocess.PIPE, env=environment, text=True,
        )
        program.stdin.write("\n".join(clips))
        program.stdin.close()
        # After a part of the clips.
        while program.poll() is None and len(as_list(get(f"{base[:-5]}/_emulator/state")["assets"])) < 20:
            time.sleep(0.2)
        killed = kill_one(program, target)
        say(f"killed `tl ingest-one` (process {killed})")
        status = program.wait()
        took = time.monotonic() - begin
        say(f"{engine} ended with exit code {status} after {took:.0f} s")
        assert status == 0
        check(base[:-5], index)
        listed = subprocess.run(
            [target / "tl", "ledger", "ls", "--json"],
            env=environment, capture_output=True, text=True, check=True,
        )
        items = json.loads(listed.stdout)
        done = sum(item["state"] == "done" for item in items)
        say(f"ledger: {done} of {len(items)} items are done")
        verified = subprocess.run([target / "tl", "ledger", "verify"], env=environment, check=True,
                                  capture_output=True, text=True)
        say(verified.stdout.strip().split(": ")[-1])
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    target = pathlib.Path(sys.argv[1])
    for engine in sys.argv[2:] or ["ray", "prefect"]:
        run(engine, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
