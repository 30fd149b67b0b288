"""Mutation tests of the pure logic: changes the code, one small change at a time, and runs the tests
that must notice.

    python3 mutants/run.py [--list] [--again] AREA...

The areas are in areas.toml. cargo-mutants lists the changes; `switch.py` writes all of them into one
copy of the sources, each behind a switch, so that the tests are built once. Then each change is
switched on, and the tests that reach it run until one fails. The result is in
target/mutants/results.json. A survivor is a change that no test notices: the run fails if one is not
explained in explained.toml, or if an explanation names a change that does not survive any more. At
most 3 % may survive.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "target" / "mutants"
RESULTS = FOLDER / "results.json"

# The largest share of survivors.
MAX_SHARE = 0.03

# Slower tests do not run. They test more than one decision, and a survivor would cost minutes.
MAX_SECONDS = 6


def read(name):
    return tomllib.loads((ROOT / "mutants" / name).read_text())


def with_packages():
    """Starts again in an environment with the packages of requirements.txt, installed once."""
    folder = FOLDER / "python"
    pinned = (ROOT / "mutants" / "requirements.txt").read_text()
    marker = folder / "installed.txt"
    python = folder / "bin" / "python"
    if not marker.is_file() or marker.read_text() != pinned:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(ROOT / "mutants" / "requirements.txt")], check=True)
        marker.write_text(pinned)
    if pathlib.Path(sys.prefix) != folder:
        os.execv(python, [str(python), *sys.argv])


def tool(version):
    """cargo-mutants at its pinned version, installed once; the folder of the program."""
    folder = FOLDER / f"tool-{version}"
    program = folder / "bin" / "cargo-mutants"
    if not program.is_file():
        install = ["cargo", "install", "--quiet", "--locked", "--root", str(folder), "--target-dir", str(FOLDER / "tool-build")]
        subprocess.run([*install, "cargo-mutants", "--version", version], check=True, cwd=ROOT)
    return program.parent


# Line numbers change with every edit; the rest names the change.
PLACE = re.compile(r":\d+:\d+:")


def listed(areas, environment):
    """The changes of all areas, each once, with `id`, `place`, `key` and `area`: of the first area
    that has the file."""
    patterns = [(name, pattern) for name, area in areas.items() for pattern in area["files"]]
    sources = {path: name for name, pattern in reversed(patterns) for path in ROOT.glob(pattern)}
    contents = b"".join(path.read_bytes() for path in sorted(sources)) + json.dumps(patterns).encode()
    kept = FOLDER / f"listed-{hashlib.sha256(contents).hexdigest()[:16]}.json"
    if not kept.is_file():
        command = ["cargo", "mutants", "--list", "--colors", "never", *(word for _, pattern in patterns for word in ("--file", pattern))]
        run = [subprocess.run([*command, *more], check=True, cwd=ROOT, env=environment, capture_output=True, text=True).stdout
               for more in (["--json"], [])]
        changes, seen = [], collections.Counter()
        for change, text in zip(json.loads(run[0]), run[1].splitlines(), strict=True):
            key = PLACE.sub(":", text.strip())
            seen[key] += 1
            # The same change in several places of a function.
            key += f" [{seen[key]}]" if seen[key] > 1 else ""
            changes.append({**change, "id": len(changes), "place": text, "key": key, "area": sources[ROOT / change["file"]]})
        kept.write_text(json.dumps(changes))
    return json.loads(kept.read_text())


def built(changes, areas, environment):
    """The test programs with all changes that compile; the others get an outcome."""
    import programs

    tree, alive = FOLDER / "tree", list(changes)
    # Those that did not compile in the same file before.
    kept = FOLDER / "do-not-compile.json"
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    hashes = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in {change["file"] for change in changes}}
    for change in alive:
        if not change["function"]:
            change.update(outcome="constant")
        if message := known.get(f"{hashes[change['file']]} {change['place']} {change['replacement']}"):
            change.update(outcome="does not compile", message=message)
    alive = [change for change in alive if "outcome" not in change]
    words = []
    for option, field in (("--package", "packages"), ("--features", "features")):
        words += [word for value in sorted({value for area in areas.values() for value in area.get(field, [])}) for word in (option, value)]
    targets = [word for value in sorted({tuple(value) for area in areas.values() for value in area["programs"]}) for word in value]
    # `check` finds the changes that do not compile in less time.
    commands = [["check", *words], ["test", "--no-run", *words, *targets]]
    while True:
        for change in programs.write_tree(ROOT, tree, alive):
            change.setdefault("outcome", "not placed")
        alive = [change for change in alive if "outcome" not in change]
        print(f"mutants: cargo {commands[0][0]} with {len(alive)} changes", flush=True)
        found, errors = programs.build(tree, environment, commands[0])
        if not errors:
            del commands[0]
            if commands:
                continue
            return tree, alive, found
        messages = programs.blamed(tree, errors)
        if not messages:
            sys.exit("mutants: the copy with the changes does not compile\n  hint: see the messages above")
        for change in alive:
            if change["id"] in messages:
                change.update(outcome="does not compile", message=messages[change["id"]])
                known[f"{hashes[change['file']]} {change['place']} {change['replacement']}"] = change["message"]
        kept.write_text(json.dumps(known, indent=1))
        alive = [change for change in alive if "outcome" not in change]


def run(changes, areas, environment, jobs, done, save):
    import programs

    tree, alive, found = built(changes, areas, environment)
    runner = programs.Runner(tree, environment, found)
    tests, failing = runner.tests(jobs)
    for test in failing:
        print(f"mutants: {test.program}: {test.name} fails without any change; it is left out", flush=True)
    print(f"mutants: {len(tests)} tests, {sum(test.seconds for test in tests):.0f} s", flush=True)

    for test in sorted(tests, key=lambda test: -test.seconds)[:10]:
        print(f"mutants: {test.seconds:.1f} s: {test.program}: {test.name}", flush=True)
    tests = [test for test in tests if test.seconds < MAX_SECONDS]

    def one(change):
        reaching = [test for test in tests if change["id"] in test.reached]
        outcome, by, seconds = runner.try_change(change["id"], reaching)
        change.update(outcome=outcome, by=by[:5], seconds=round(seconds, 2), reaching=len(reaching))
        save(change)
        if outcome != "noticed":
            print(f"{outcome}, {len(reaching)} tests reach it: {change['place']}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, [change for change in alive if change["key"] not in done]))


def judge(area, changes, explained):
    """What is wrong with the result of an area."""
    count = collections.Counter(change.get("outcome", "not run") for change in changes)
    missed = [change["key"] for change in changes if change.get("outcome") == "survived"]
    tested = count["noticed"] + count["timeout"] + len(missed)
    share = len(missed) / tested if tested else 0.0
    print(f"{area}: {len(changes)} changes, {tested} tried, {count['noticed']} noticed, {count['timeout']} timed out, "
          f"{len(missed)} survived ({share:.1%}), {sum(key in explained for key in missed)} of them explained; "
          f"{count['does not compile']} do not compile, {count['constant']} are in constants, {count['not placed']} not placed, {count['not run']} not run")
    problems = [f"not explained: {key}" for key in missed if key not in explained]
    known = {change["key"]: change.get("outcome") for change in changes}
    problems += [f"explained, but {known.get(key, 'not listed')}: {key}" for key in explained if known.get(key) not in ("survived", None)
                 or key not in known]
    if share > MAX_SHARE:
        problems.append(f"{share:.1%} survived; at most {MAX_SHARE:.0%} may")
    if not tested:
        problems.append("nothing was changed")
    return [f"{area}: {problem}" for problem in problems]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="list the changes and run nothing")
    parser.add_argument("--again", action="store_true", help="leave out what was noticed the last time")
    parser.add_argument("--shuffle", action="store_true", help="try the changes in a random order, so that a run that is stopped is a sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="changes that are tried at the same time")
    parser.add_argument("area", nargs="*", help="areas of areas.toml; all of them without any")
    arguments = parser.parse_args()
    areas = read("areas.toml")
    version = areas.pop("tool")["version"]
    explained = read("explained.toml")
    unknown = [name for name in arguments.area if name not in areas]
    if unknown:
        sys.exit(f"mutants: no area `{unknown[0]}`\n  hint: choose from {', '.join(areas)}")
    with_packages()
    os.nice(5)
    path = f"{tool(version)}{os.pathsep}{os.environ['PATH']}"
    environment = dict(
        os.environ,
        PATH=path,
        CARGO_TARGET_DIR=str(FOLDER / "build"),
        CARGO_INCREMENTAL="1",
        CARGO_PROFILE_DEV_DEBUG="0",
        # Simulations of whole uploads take less time.
        CARGO_PROFILE_DEV_OPT_LEVEL="1",
        # The switch is a constant function; see `switch.py`.
        RUSTC_BOOTSTRAP="tl_protocol,tl_bulk,tl_validate",
        # The same cases for every change, and no files written.
        PROPTEST_CASES=os.environ.get("PROPTEST_CASES", "16"),
        PROPTEST_RNG_SEED="1",
        PROPTEST_DISABLE_FAILURE_PERSISTENCE="true",
        TL_SEEDS="200",
        INSTA_UPDATE="no",
        INSTA_WORKSPACE_ROOT=str(FOLDER / "tree"),
    )
    everything = listed(areas, environment)
    areas = {name: areas[name] for name in arguments.area or areas}
    changes = [change for change in everything if change["area"] in areas]
    if arguments.list:
        for change in changes:
            print(change["place"])
        return
    before = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    done = {key for key, change in before.items() if change.get("outcome") in ("noticed", "timeout")} if arguments.again else set()
    order = list(areas)
    changes.sort(key=lambda change: order.index(change["area"]))
    if arguments.shuffle:
        random.Random(1).shuffle(changes)
    lock, count = threading.Lock(), 0

    def save(change):
        nonlocal count
        with lock:
            count += 1
            before[change["key"]] = change
            if count % 20 == 0:
                print(f"mutants: {count} tried, now in {change['file']}", flush=True)
                RESULTS.write_text(json.dumps(before, indent=1))

    run(changes, areas, environment, arguments.jobs, done, save)
    for change in changes:
        if "outcome" not in change and change["key"] in before:
            change["outcome"] = before[change["key"]].get("outcome", "not run")
    RESULTS.write_text(json.dumps({**before, **{change["key"]: change for change in changes}}, indent=1))
    problems = []
    for name in areas:
        entries = explained.get(name, {}).get("survivors", [])
        problems += judge(name, [change for change in changes if change["area"] == name], [entry["change"] for entry in entries])
    for problem in problems:
        print(f"mutants: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
