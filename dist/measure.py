#!/usr/bin/env python3
"""Measures the self-contained programs and packages in target/dist: the tables of docs/packages.md.

Usage: measure.py DYNAMIC CORPUS [--rounds N] [--only TABLE]...

DYNAMIC is the folder of the `tl` and the `tl-probe` that `cargo build --release -p twelvelabs-cli` makes,
which link the FFmpeg of the system, CORPUS a folder with media files (`cargo xtask corpus`). Needs a C
compiler, `ffmpeg` and `ffprobe`, and PyPI for PyAV.

All contenders run in turns in one run. A time is `median (least)` in milliseconds: wall time, and the
processor time of the process and its children, which other work on the machine changes less. The peak
memory is that of the largest process, as the kernel counts it, shared libraries included.
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

# Names in the corpus of what most cameras and phones make.
RECORDINGS = [f"c-{codec}-sound.{kind}" for codec in ["h264", "h264-bframes", "hevc"] for kind in ["mov", "mp4"]]

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


@functools.cache
def usage():
    """The program of usage.c, which needs so little memory that the one measured is the command's."""
    program = DIST / "usage"
    subprocess.run(["cc", "-O2", "-static", "-o", program, ROOT / "dist/usage.c"], check=True)
    return program


def timed(command, codes=(0,), **options):
    """Runs a command; returns wall time, processor time (both in ms) and peak memory (in MiB)."""
    done = subprocess.run([usage(), *command], check=True, capture_output=True, text=True, **options)
    wall, cpu, memory, code = map(int, done.stdout.split())
    if code not in codes:
        sys.exit(f"{' '.join(map(str, command))}: exit code {code}")
    return wall / 1e3, cpu / 1e3, memory / 1024


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


SYSTEM, OURS = "FFmpeg of the system", "self-contained"


def programs(builds, one, rounds):
    """Both programs of both builds: size, shared libraries, time and memory."""
    commands = {
        "`tl --version`": ["tl", "--version"],
        "`tl-probe --version`": ["tl-probe", "--version"],
        "`tl-probe one.mp4`": ["tl-probe", one],
        "`tl validate one.mp4 --no-cache`": ["tl", "validate", one, "--no-cache"],
    }
    contenders = {}
    for build, folder in builds.items():
        environment = {**os.environ, "TL_PROBE": str(folder / "tl-probe")}
        for name, (program, *arguments) in commands.items():
            command = [folder / program, *arguments]
            contenders[name, build] = functools.partial(timed, command, env=environment)
    ffprobe = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", one]
    contenders["`ffprobe one.mp4`", SYSTEM] = functools.partial(timed, ffprobe)
    print(f"| | {' | '.join(builds)} |\n|---|{'---|' * len(builds)}")
    for program in ["tl", "tl-probe"]:
        files = [folder / program for folder in builds.values()]
        print(f"| `{program}`: size, MB | {' | '.join(f'{os.path.getsize(file) / 1e6:.1f}' for file in files)} |")
        print(f"| `{program}`: shared libraries | {' | '.join(str(libraries(file)) for file in files)} |")
    samples = interleaved(contenders, rounds)
    for at, what in enumerate(["wall, ms", "processor, ms", "peak memory, MiB"]):
        for name in [*commands, "`ffprobe one.mp4`"]:
            found = [[sample[at] for sample in samples.get((name, build), [])] for build in builds]
            cells = [spread(values) if values else "–" for values in found]
            print(f"| {name}: {what} | {' | '.join(cells)} |")
    median = lambda name, build, at: statistics.median(sample[at] for sample in samples[name, build])
    for at, what in enumerate(["wall", "processor"]):
        ours = median("`tl validate one.mp4 --no-cache`", OURS, at)
        print(f"ffprobe / tl validate, {what}: {median('`ffprobe one.mp4`', SYSTEM, at) / ours:.1f}x")


def per_file(builds, corpus, folder, rounds):
    """One file after the other, through one helper, against PyAV."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin/python"
    (wheel,) = (DIST / "packages").glob("tl_validate-*.whl")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, PYAV, wheel], check=True)
    listing = folder / "files.txt"
    files = media_files(corpus)
    listing.write_text("\n".join(map(str, files)))

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
        "`tl_validate.check`, FFmpeg of the system": functools.partial(
            run, "tl", TL_PROBE=str(builds[SYSTEM] / "tl-probe")
        ),
    }
    samples = interleaved(contenders, rounds)
    print(f"\n| One of {len(files)} files, median | Wall, ms | Opened |\n|---|---|---|")
    for name, found in samples.items():
        print(f"| {name} | {spread([wall for wall, _ in found])} | {found[0][1]} |")
    ours = statistics.median(wall for wall, _ in samples["`tl_validate.check`, self-contained"])
    print(f"PyAV / tl_validate.check: {statistics.median(w for w, _ in samples['PyAV']) / ours:.2f}x")


def media_files(corpus):
    return sorted(path for path in corpus.iterdir() if path.is_file() and path.name[0] != ".")


def folder_of_many(builds, files, what, folder, count=1000):
    """`tl validate` of a folder against one `ffprobe` per file, two at a time, scaled from at least 60."""
    many = pathlib.Path(tempfile.mkdtemp(dir=folder))
    for number in range(count):
        shutil.copyfile(files[number % len(files)], many / f"{number:04}-{files[number % len(files)].name}")
    contenders = {}
    for build, programs in builds.items():
        command = [programs / "tl", "validate", "--no-cache", "--format", "jsonl", many]
        environment = {**os.environ, "TL_PROBE": str(programs / "tl-probe")}
        # Some files of the corpus are refused, so that the code is not 0.
        contenders[build] = functools.partial(timed, command, codes=(0, 1, 3), env=environment)
    samples = interleaved(contenders, 3)
    probed = files * -(-60 // len(files))
    listing = "\0".join(map(str, probed))
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["xargs", "-0", "-P2", "-n1", "ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json"],
        input=listing, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    scale = count / len(probed) * 1e3
    print(f"\n| {count} files: {what} | Wall, ms | Processor, ms |\n|---|---|---|")
    for build, found in samples.items():
        print(f"| `tl validate`, {build} | {spread([o[0] for o in found])} | {spread([o[1] for o in found])} |")
    print(f"| `xargs -P2 ffprobe`, scaled from {len(probed)} | {wall * scale:.0f} | {cpu * scale:.0f} |")
    median = lambda at: statistics.median(o[at] for o in samples[OURS])
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


# Enters the chroot $0 with an empty environment and runs the line $1.
CHROOT = """
mount -t proc proc "$0/proc"
exec chroot "$0" env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 sh -c 'cd; eval "$1"' sh "$1"
"""


def smallest_debian(folder):
    """A command that runs a line in a chroot with nothing but the smallest Debian and curl, and its home folder."""
    tree = folder / "debian"
    command = ["debootstrap", "--variant=minbase", "--include=curl", "bullseye", tree]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    unshare = ["unshare", "--fork", "--pid", "--mount", "--kill-child"]
    return [*unshare, "sh", "-c", CHROOT, str(tree)], tree / "root"


def first_use(one, folder):
    """From nothing to a verdict, each in an empty home folder. The archive is fetched over 10 Mbit/s."""
    packages = DIST / "packages"
    environment = {"HOME": str(folder / "home"), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    home = pathlib.Path(environment["HOME"])
    home.mkdir()
    rows = []
    with served(packages) as url:
        line = f"curl -fsSL {url}/install.sh | sh -s -- --from {url} --prefix $HOME/.local && $HOME/.local/bin/tl validate file.mp4"
        places = {"an empty home folder": (["sh", "-c"], home)}
        if os.geteuid() == 0 and shutil.which("debootstrap"):
            places["the smallest Debian 11 with curl"] = smallest_debian(folder)
        else:
            print("not measured: a chroot, which needs root and debootstrap", file=sys.stderr)
        for name, (shell, user) in places.items():
            (user / ".curlrc").write_text(CURL_LIMIT)
            shutil.copyfile(one, user / "file.mp4")
            rows.append(row(f"install script, in {name}", [*shell, f"cd && {line}"], line, environment))
    (wheel,) = packages.glob("twelvelabs_cli-*.whl")
    line = f"{sys.executable} -m venv v && v/bin/pip install -q --no-index {wheel} && v/bin/tl validate file.mp4"
    rows.append(row("`pip install` of the wheel from disk", ["sh", "-c", f"cd && {line}"], line, environment))
    tarballs = " ".join(str(path) for path in sorted(packages.glob("*.tgz"), reverse=True))
    line = f"npm install --offline --no-audit --no-fund --silent {tarballs} && npx --offline tl validate file.mp4"
    rows.append(row("`npm install` of the packages from disk", ["sh", "-c", f"cd && {line}"], line, environment))
    print("\n| From nothing to a verdict of `tl validate` | Seconds |\n|---|---|")
    print("\n".join(rows))


def row(name, command, line, environment):
    """Runs a command, prints a transcript, and returns a row of the table."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    print(f"\n{name}:\n$ {line}\n{done.stdout}{done.stderr}", end="")
    if done.returncode != 0 or "pass" not in done.stdout:
        sys.exit(f"{name}: exit code {done.returncode}")
    return f"| {name} | {seconds:.1f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dynamic", type=pathlib.Path)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--only", action="append", choices=["programs", "files", "folder", "first-use"])
    arguments = parser.parse_args()
    chosen = arguments.only or ["programs", "files", "folder", "first-use"]
    builds = {SYSTEM: arguments.dynamic.resolve(), OURS: DIST / "bin"}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        one = clip(folder)
        if "programs" in chosen:
            programs(builds, one, arguments.rounds)
        if "files" in chosen:
            per_file(builds, arguments.corpus, folder, max(arguments.rounds // 4, 2))
        if "folder" in chosen:
            folder_of_many(builds, media_files(arguments.corpus), "the corpus", folder)
            recordings = [arguments.corpus / name for name in RECORDINGS]
            folder_of_many(builds, recordings, "H.264 and HEVC in mov and mp4", folder)
        if "first-use" in chosen:
            first_use(one, folder)


main()
