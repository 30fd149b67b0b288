#!/usr/bin/env python3
"""Measures the self-contained programs and packages in target/dist: the tables of docs/packages.md.

Usage: measure.py DYNAMIC_PROBE CORPUS [--rounds N]

DYNAMIC_PROBE is a `tl-probe` that is linked with the FFmpeg of the system (`cargo build --release`),
CORPUS a folder with media files (`cargo xtask corpus`). Needs `ffmpeg` and `ffprobe`, and PyPI for PyAV.

All contenders run in turns in one run. A time is `median (least)` in milliseconds: wall time, and the
processor time of the process and its children, which other work on the machine changes less.
"""

import argparse
import contextlib
import functools
import http.server
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "dist"
PYAV = "av==18.1.0"
# 10 Mbit/s, for the path of a first-time user.
CURL_LIMIT = "limit-rate = 1250k\n"

# Opens every file of a list; prints the seconds of each as JSON. PyAV: as in benches/peers.py.
PER_FILE = """
import json, sys, time
paths = open(sys.argv[2]).read().splitlines()
if sys.argv[1] == "av":
    import av
    av.logging.set_level(av.logging.PANIC)
    def run(path):
        with av.open(path) as container:
            for stream in container.streams:
                (stream.type, stream.duration, stream.codec_context and stream.codec_context.name)
    failures = av.error.FFmpegError
else:
    import tl_validate
    checker = tl_validate.Checker(helpers=1)
    def run(path):
        if checker.check(path).facts is None:
            raise ValueError
    failures = ValueError
# The start of helpers and the loading of libraries do not count.
for path in paths[:3]:
    try:
        run(path)
    except failures:
        pass
times = []
for path in paths:
    start = time.perf_counter()
    try:
        run(path)
        times.append(time.perf_counter() - start)
    except failures:
        times.append(None)
print(json.dumps(times))
"""


def timed(command, **options):
    """Runs a command; returns wall time, processor time (both in ms) and peak memory (in MiB)."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    _, _, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = 0
    return wall * 1e3, (used.ru_utime + used.ru_stime) * 1e3, used.ru_maxrss / 1024


def interleaved(contenders, rounds):
    """Runs all contenders in turns; returns the samples of each by name."""
    samples = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, run in contenders.items():
            samples[name].append(run())
    # The first round fills the page cache.
    return {name: found[1:] for name, found in samples.items()}


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f})"


def libraries(program):
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return sum("=>" in line or line.strip().startswith("/lib") for line in listed.splitlines())


def clip(folder):
    path = folder / "one.mp4"
    source = "testsrc2=size=1280x720:rate=25:duration=6"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i",
         "sine=duration=6", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac",
         "-shortest", str(path)],
        check=True,
    )
    return path


def programs(dynamic, one, rounds):
    tl, static = DIST / "bin/tl", DIST / "bin/tl-probe"
    by_name = {"FFmpeg of the system": dynamic, "self-contained": static}
    contenders = {}
    for name, probe in by_name.items():
        environment = {**os.environ, "TL_PROBE": str(probe)}
        contenders[f"`tl-probe --version`, {name}"] = functools.partial(timed, [probe, "--version"])
        contenders[f"`tl-probe one.mp4`, {name}"] = functools.partial(timed, [probe, one])
        contenders[f"`tl validate one.mp4`, {name}"] = functools.partial(
            timed, [tl, "validate", one, "--no-cache"], env=environment
        )
    contenders["`ffprobe one.mp4`"] = functools.partial(
        timed, ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", one]
    )
    for name, probe in by_name.items():
        print(f"{name}: {os.path.getsize(probe) / 1e6:.1f} MB, {libraries(probe)} shared libraries")
    print(f"tl: {os.path.getsize(tl) / 1e6:.1f} MB, {libraries(tl)} shared libraries")
    print("\n| Command | Wall, ms | Processor, ms | Peak memory, MiB |\n|---|---|---|---|")
    samples = interleaved(contenders, rounds)
    for name, found in samples.items():
        wall, cpu, memory = zip(*found)
        print(f"| {name} | {spread(wall)} | {spread(cpu)} | {max(memory):.1f} |")
    median = lambda name, at: statistics.median(sample[at] for sample in samples[name])
    ours, theirs = "`tl validate one.mp4`, self-contained", "`ffprobe one.mp4`"
    for at, what in enumerate(["wall", "processor"]):
        print(f"ffprobe / tl validate, {what}: {median(theirs, at) / median(ours, at):.1f}x")


def per_file(dynamic, corpus, folder, rounds):
    """One file after the other, through one helper, against PyAV."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin/python"
    (wheel,) = (DIST / "packages").glob("tl_validate-*.whl")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, PYAV, wheel], check=True)
    listing = folder / "files.txt"
    files = sorted(str(path) for path in corpus.iterdir() if path.is_file() and path.name[0] != ".")
    listing.write_text("\n".join(files))

    def run(module, **variables):
        done = subprocess.run(
            [python, "-c", PER_FILE, module, listing], env={**os.environ, **variables}, check=True,
            capture_output=True, text=True,
        )
        opened = [seconds * 1e3 for seconds in json.loads(done.stdout) if seconds is not None]
        return statistics.median(opened), len(opened)

    contenders = {
        "PyAV": functools.partial(run, "av"),
        "`tl_validate.check`, self-contained": functools.partial(run, "tl", TL_PROBE=""),
        "`tl_validate.check`, FFmpeg of the system": functools.partial(run, "tl", TL_PROBE=str(dynamic)),
    }
    samples = interleaved(contenders, rounds)
    print(f"\n| One of {len(files)} files, median | Wall, ms | Opened |\n|---|---|---|")
    for name, found in samples.items():
        print(f"| {name} | {spread([wall for wall, _ in found])} | {found[0][1]} |")
    ours = statistics.median(wall for wall, _ in samples["`tl_validate.check`, self-contained"])
    print(f"PyAV / tl_validate.check: {statistics.median(w for w, _ in samples['PyAV']) / ours:.2f}x")


def folder_of_many(corpus, folder, count=1000):
    """`tl validate` of a folder against one `ffprobe` per file, two at a time, scaled from each file once."""
    many = folder / "many"
    many.mkdir()
    files = sorted(path for path in corpus.iterdir() if path.is_file() and path.name[0] != ".")
    for number in range(count):
        shutil.copyfile(files[number % len(files)], many / f"{number:04}-{files[number % len(files)].name}")
    tl = [DIST / "bin/tl", "validate", "--no-cache", "--format", "jsonl", many]
    environment = {**os.environ, "TL_PROBE": str(DIST / "bin/tl-probe")}
    ours = [timed(tl, env=environment) for _ in range(3)]
    listing = "\0".join(str(path) for path in files)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["xargs", "-0", "-P2", "-n1", "ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json"],
        input=listing, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    scale = count / len(files) * 1e3
    print(f"\n| {count} files | Wall, ms | Processor, ms |\n|---|---|---|")
    print(f"| `tl validate` | {spread([o[0] for o in ours])} | {spread([o[1] for o in ours])} |")
    print(f"| `xargs -P2 ffprobe`, scaled from {len(files)} | {wall * scale:.0f} | {cpu * scale:.0f} |")
    median = lambda at: statistics.median(o[at] for o in ours)
    print(f"ffprobe / tl validate: wall {wall * scale / median(0):.0f}x, processor {cpu * scale / median(1):.0f}x")


@contextlib.contextmanager
def served(directory):
    """The packages on a port of 127.0.0.1."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
    handler.func.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def first_use(one, folder):
    """From nothing to a verdict, each in an empty home folder."""
    packages = DIST / "packages"
    print("\n| From nothing to a verdict | Seconds |\n|---|---|")
    with served(packages) as url:
        home = folder / "home"
        home.mkdir()
        (home / ".curlrc").write_text(CURL_LIMIT)
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        line = (
            f"curl -fsSL {url}/install.sh | sh -s -- --from {url} --prefix $HOME/.local"
            f" && $HOME/.local/bin/tl validate {one}"
        )
        row("install script over 10 Mbit/s, `tl validate`", ["sh", "-c", line], environment)
    (wheel,) = packages.glob("twelvelabs_cli-*.whl")
    line = f"{sys.executable} -m venv v && v/bin/pip install -q --no-index {wheel} && v/bin/tl validate {one}"
    row("`pip install` of the wheel from disk, `tl validate`", ["sh", "-c", f"cd $HOME && {line}"], environment)
    tarballs = " ".join(str(path) for path in sorted(packages.glob("*.tgz"), reverse=True))
    line = f"npm install --offline --no-audit --no-fund --silent {tarballs} && npx --offline tl validate {one}"
    environment["PATH"] = os.environ["PATH"]
    row("`npm install` of the packages from disk, `npx tl validate`", ["sh", "-c", f"cd $HOME && {line}"], environment)


def row(name, command, environment):
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0 or "pass" not in done.stdout:
        sys.exit(f"{name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"| {name} | {seconds:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dynamic", type=pathlib.Path)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--only", action="append", choices=["programs", "files", "folder", "first-use"])
    arguments = parser.parse_args()
    chosen = arguments.only or ["programs", "files", "folder", "first-use"]
    dynamic = arguments.dynamic.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        one = clip(folder)
        if "programs" in chosen:
            programs(dynamic, one, arguments.rounds)
        if "files" in chosen:
            per_file(dynamic, arguments.corpus, folder, max(arguments.rounds // 4, 2))
        if "folder" in chosen:
            folder_of_many(arguments.corpus, folder)
        if "first-use" in chosen:
            first_use(one, folder)


main()
