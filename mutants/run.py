"""Mutation tests of the pure logic: changes the code, one small change at a time, and runs the tests
that must notice.

    python3 mutants/run.py [--list] [--shard K/N] AREA...

The areas are in areas.toml. cargo-mutants works on a copy of the committed tree, one change at a
time and with low priority. The result is in target/mutants/AREA. A survivor is a change that
no test notices: the run fails if one is not explained in explained.toml, or if an explanation names
a change that does not survive any more. At most 3 % may survive.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "target" / "mutants"

# The largest share of survivors.
MAX_SHARE = 0.03


# Seconds for the tests of one change. A change that makes them run for ever counts as noticed.
TIMEOUT = "120"


def read(name):
    return tomllib.loads((ROOT / "mutants" / name).read_text())


def tool(version):
    """cargo-mutants at its pinned version, installed once; the folder of the program."""
    folder = FOLDER / f"tool-{version}"
    program = folder / "bin" / "cargo-mutants"
    if not program.is_file():
        install = ["cargo", "install", "--quiet", "--locked", "--root", str(folder), "--target-dir", str(FOLDER / "tool-build")]
        subprocess.run([*install, "cargo-mutants", "--version", version], check=True, cwd=ROOT)
    return program.parent


def tree():
    """A clone of the committed tree. It stays, so that only changed files are built again."""
    copy = FOLDER / "tree"
    if not copy.is_dir():
        subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(copy)], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    subprocess.run(["git", "fetch", "--quiet", "origin", head], check=True, cwd=copy)
    subprocess.run(["git", "checkout", "--quiet", "--force", "--detach", head], check=True, cwd=copy)
    return copy


def command(area, arguments):
    files = [word for name in area["files"] for word in ("--file", name)]
    packages = [word for name in area["packages"] for word in ("--test-package", name)]
    # The changed tree is this copy: only changed crates are built again.
    options = ["--in-place", "--no-shuffle", "--caught", "--colors", "never", "--baseline", "skip", "--timeout", TIMEOUT]
    if arguments.shard:
        options += ["--shard", arguments.shard]
    # Only the test programs that run are built.
    options += [f"--cargo-arg={word}" for word in area["programs"]]
    return ["cargo", "mutants", *options, *files, *packages]


def filters(area):
    """Part of the names of the tests that run, if not all of a program do."""
    return [area["filter"]] if "filter" in area else []


# Line numbers change with every edit; the rest names the change.
PLACE = re.compile(r":\d+:\d+:")


def key(text):
    return PLACE.sub(":", text.strip())


def survivors(folder):
    return [key(line) for line in (folder / "missed.txt").read_text().splitlines() if line.strip()]


def judge(name, folder, explained, is_whole):
    """What is wrong with the result of an area."""
    outcomes = json.loads((folder / "outcomes.json").read_text())
    caught, timeout = outcomes["caught"], outcomes["timeout"]
    missed = survivors(folder)
    tested = caught + timeout + len(missed)
    share = len(missed) / tested if tested else 0.0
    print(f"{name}: {tested} changes, {caught} noticed, {timeout} timed out, {len(missed)} survived ({share:.1%}); "
          f"{outcomes['unviable']} do not compile")
    problems = [f"not explained: {text}" for text in missed if text not in explained]
    if is_whole:
        problems += [f"explained, but noticed now: {text}" for text in explained if text not in missed]
        if share > MAX_SHARE:
            problems.append(f"{share:.1%} survived; at most {MAX_SHARE:.0%} may")
    if not tested:
        problems.append("nothing was changed")
    return [f"{name}: {problem}" for problem in problems]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="list the changes and run nothing")
    parser.add_argument("--shard", help="run part K of N, from 0, as in 0/4")
    parser.add_argument("area", nargs="*", help="areas of areas.toml; all of them without any")
    arguments = parser.parse_args()
    areas = read("areas.toml")
    version = areas.pop("tool")["version"]
    explained = read("explained.toml")
    unknown = [name for name in arguments.area if name not in areas]
    if unknown:
        sys.exit(f"mutants: no area `{unknown[0]}`\n  hint: choose from {', '.join(areas)}")
    path = f"{tool(version)}{os.pathsep}{os.environ['PATH']}"
    environment = dict(os.environ, PATH=path, CARGO_TARGET_DIR=str(FOLDER / "build"), CARGO_INCREMENTAL="1",
                       PROPTEST_CASES=os.environ.get("PROPTEST_CASES", "64"))
    os.nice(10)
    problems = []
    for name in arguments.area or areas:
        area = areas[name]
        words = command(area, arguments)
        if arguments.list:
            subprocess.run([*words, "--list"], check=True, cwd=ROOT, env=environment)
            continue
        output, copy = FOLDER / name, tree()
        # Without a change, the tests pass. cargo-mutants would run those of the changed package only.
        packages = [word for package in area["packages"] for word in ("--package", package)]
        test = subprocess.run(["cargo", "test", "--quiet", *packages, *area["programs"], *filters(area)], cwd=copy, env=environment)
        if test.returncode != 0:
            sys.exit(f"mutants: {name}: the tests fail without any change")
        # The status is not 0 if a change survives; the result is read from its files.
        subprocess.run([*words, "--output", str(output), "--", *filters(area)], cwd=copy, env=environment)
        folder = output / "mutants.out"
        if not (folder / "outcomes.json").is_file():
            sys.exit(f"mutants: {name}: cargo-mutants did not run; see its messages above")
        entries = explained.get(name, {}).get("survivors", [])
        problems += judge(name, folder, [entry["change"] for entry in entries], not arguments.shard)
    for problem in problems:
        print(f"mutants: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
