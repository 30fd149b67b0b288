"""Builds the test programs with all changes inside, and runs tests with one change switched on."""

import concurrent.futures
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time

import switch

# Seconds of processor time that a batch of tests may take beyond ten times its usual time. A change
# that makes tests run for ever counts as timed out. The limit does not depend on other programs.
CPU_SECONDS = 2

# Seconds after which a test that waits for ever is stopped.
WALL_SECONDS = 60

# Tests run in batches of so many seconds, the fast ones first, until one fails.
BATCH_SECONDS = 0.25

MEMORY_BYTES = 4 << 30


def write_changed(path, contents):
    """Writes a file if it differs, so that cargo builds only what must be."""
    if not path.is_file() or path.read_bytes() != contents:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)


def write_tree(root, tree, changes):
    """Copies the files that git knows, or does not ignore, with the changes behind switches. Changes
    that the rewriter cannot place come back."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], check=True, cwd=root, capture_output=True)
    names = [name for name in listed.stdout.decode().split("\0") if name and (root / name).is_file()]
    by_file = {}
    for change in changes:
        by_file.setdefault(change["file"], []).append(change)
    crates = {str(pathlib.Path(*pathlib.Path(name).parts[:2], "src", "lib.rs")) for name in by_file}
    not_placed = []
    for name in names:
        source = (root / name).read_bytes()
        if name in by_file:
            source, unused = switch.rewrite(source, by_file[name])
            not_placed += unused
        if name in crates:
            source = (switch.FEATURES.encode() + source) + switch.SUPPORT.encode()
        write_changed(tree / name, source)
    kept = set(names)
    for path in (tree / "crates").rglob("*"):
        if path.is_file() and str(path.relative_to(tree)) not in kept:
            path.unlink()
    return not_placed


def build(tree, environment, command):
    """The test programs as (name, executable, folder), or the places of the compiler's errors."""
    run = subprocess.run(["cargo", *command, "--message-format=json"],
                         cwd=tree, env=environment, capture_output=True, text=True)
    programs, errors = [], []
    for line in run.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
            errors.append(message["message"])
        if message["reason"] == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            folder = pathlib.Path(message["manifest_path"]).parent
            name = f"{folder.name} {message['target']['name']}"
            programs.append((name, message["executable"], folder))
    if run.returncode and not errors:
        raise SystemExit(f"mutants: the build failed\n{run.stderr[-3000:]}")
    return sorted(programs), errors


def blamed(tree, errors):
    """The changes that errors of the compiler are about: number to message."""
    found = {}
    for error in errors:
        spans = [span for span in error["spans"] if span["is_primary"]] + error["spans"]
        for span in spans:
            path = tree / span["file_name"]
            if not path.is_file():
                continue
            at = switch.changes_at(path.read_bytes(), span["byte_start"], span["byte_end"])
            if at:
                code = (error["code"] or {}).get("code", "")
                found.update({id: f"{code} {error['message']}" for id in at})
                break
        else:
            if error["spans"]:
                print("mutants: an error that belongs to no change:", error["rendered"], flush=True)
    return found


class Test:
    def __init__(self, program, name, seconds, reached):
        self.program, self.name, self.seconds, self.reached = program, name, seconds, reached


class Runner:
    def __init__(self, tree, environment, programs):
        self.tree, self.environment = tree, environment
        self.programs = {name: (executable, folder) for name, executable, folder in programs}

    def run(self, program, names, seconds, **variables):
        """`passed`, `failed` or `timeout` of some tests of a program."""
        executable, folder = self.programs[program]
        limit = int(CPU_SECONDS + 10 * seconds)

        def limits():
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        environment = dict(self.environment, CARGO_MANIFEST_DIR=str(folder), **variables)
        child = subprocess.Popen([executable, "--quiet", "--test-threads=1", "--exact", *names], cwd=folder, env=environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 preexec_fn=limits, start_new_session=True)
        try:
            status = child.wait(WALL_SECONDS + 10 * seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return "timeout"
        if status == 0:
            return "passed"
        # SIGXCPU, or SIGKILL at the hard limit.
        return "timeout" if status in (-24, -9) else "failed"

    def tests(self, jobs):
        """Every test with its time and the changes that it reaches, and those that fail by themselves."""
        names = []
        for program, (executable, folder) in self.programs.items():
            listed = subprocess.run([executable, "--list", "--format", "terse"], cwd=folder, env=self.environment,
                                    capture_output=True, text=True, check=True).stdout
            names += [(program, line.removesuffix(": test")) for line in listed.splitlines() if line.endswith(": test")]
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(jobs) as pool:

            def measure(numbered):
                number, (program, name) = numbered
                log = pathlib.Path(folder, str(number))
                start = time.monotonic()
                outcome = self.run(program, [name], 30, TL_MUTANT_LOG=str(log))
                seconds = time.monotonic() - start
                reached = {int(line) for line in log.read_text().split()} if log.exists() else set()
                return outcome, Test(program, name, seconds, reached)

            results = list(pool.map(measure, enumerate(names)))
        return [test for outcome, test in results if outcome == "passed"], [test for outcome, test in results if outcome != "passed"]

    def try_change(self, id, tests):
        """The outcome of a change, the tests that ended it, and the seconds it took."""
        start = time.monotonic()
        batches = []
        for test in sorted(tests, key=lambda test: test.seconds):
            last = batches[-1] if batches else None
            fits = last and last[0].program == test.program and sum(each.seconds for each in last) + test.seconds < BATCH_SECONDS
            if fits:
                last.append(test)
            else:
                batches.append([test])
        for batch in batches:
            seconds = sum(test.seconds for test in batch)
            outcome = self.run(batch[0].program, [test.name for test in batch], seconds, TL_MUTANT=str(id))
            if outcome != "passed":
                return ("noticed" if outcome == "failed" else "timeout"), [test.name for test in batch], time.monotonic() - start
        return "survived", [], time.monotonic() - start
