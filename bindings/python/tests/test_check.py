"""What the module promises, with the two clips of `cargo xtask dist check` in the current folder."""

import ast
import json
import multiprocessing
import os
import pathlib
import pickle
import threading

import pytest

import tl_validate

GOOD, SMALL = "good.mp4", "small.mp4"


def test_a_good_file_passes_with_its_facts():
    report = tl_validate.check(GOOD)
    assert (report.verdict, report.refused, report.errors) == ("pass", False, ())
    assert (report.file, report.error, report.predicted_code) == (GOOD, None, None)
    facts = report.facts
    assert (facts["video_width"], facts["video_height"]) == (640, 360)
    assert facts["duration_seconds"] == pytest.approx(6.0)
    assert facts["video_streams"][0]["codec"] == "h264"
    assert facts["probed_with"].startswith("libavformat ")


def test_a_refused_file_has_a_finding_with_its_fix():
    report = tl_validate.check(pathlib.Path(SMALL))
    assert report.refused
    (finding,) = report.errors
    assert finding.predicted_code == report.predicted_code == "video_resolution_too_low"
    assert "160x120" in finding.observed and "360" in finding.allowed
    assert finding.rule in str(finding) and SMALL in str(report)
    assert finding.fix.kind == "scale" and not finding.fix.lossless
    command = finding.fix.command("in.mp4", "out.mp4")
    assert command[0] == "ffmpeg" and command[-1].endswith("out.mp4")
    assert any(word.endswith("in.mp4") for word in command)


def test_options_choose_rules_and_target():
    report = tl_validate.check(GOOD, engines=["pegasus1.2"], route="tasks")
    assert (report.engines, report.route) == (["pegasus1.2"], "tasks")
    assert tl_validate.check(GOOD).route == "asset"
    looser = 'remove = ["%s"]' % tl_validate.check(SMALL).errors[0].rule
    assert not tl_validate.check(SMALL, extra_rules=looser, engines=["marengo3.0"]).refused
    assert tl_validate.check(GOOD, rules=report.rules).rules == report.rules


@pytest.mark.parametrize(
    "options",
    [{"route": "ftp"}, {"rules": "v0"}, {"extra_rules": "="}, {"deadline": 0.0}, {"deadline": -1.0},
     {"deadline": float("nan")}, {"helpers": 0}],
)
def test_invalid_options_are_value_errors(options):
    with pytest.raises(ValueError):
        tl_validate.check(GOOD, **options)


def test_a_file_that_is_no_video_is_refused(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 100)
    report = tl_validate.check(text)
    assert report.refused and report.facts is None and report.error is None
    assert report.errors[0].rule.startswith("file.")


def test_what_is_not_about_the_content_is_an_exception(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        tl_validate.check("none-such.mp4")
    assert missing.value.filename == "none-such.mp4"
    with pytest.raises(tl_validate.CheckError) as folder:
        tl_validate.check(tmp_path)
    assert folder.value.kind == "not_a_file" and folder.value.hint
    with pytest.raises(tl_validate.CheckError) as helper:
        tl_validate.check(GOOD, helper="/none/such")
    assert helper.value.kind == "helper_missing"


def test_check_all_keeps_the_order_and_reports_failures():
    paths = [GOOD, "none-such.mp4", SMALL] * 20
    reports = tl_validate.check_all(iter(paths))
    assert [report.file for report in reports] == paths
    assert [report.verdict for report in reports] == ["pass", "refuse", "refuse"] * 20
    assert [report.error is not None for report in reports] == [False, True, False] * 20
    assert tl_validate.check_all([]) == []


def test_reports_are_json_of_the_schema_and_can_be_pickled():
    report = tl_validate.check(SMALL)
    value = report.to_dict()
    assert json.loads(report.to_json()) == value
    assert set(json.loads(tl_validate.ENTRY_SCHEMA)["required"]) <= set(value)
    assert value["facts"] == report.facts
    again = pickle.loads(pickle.dumps(report))
    assert (again.to_json(), str(again), again.error) == (report.to_json(), str(report), None)


def test_the_stub_lists_every_field():
    stub = pathlib.Path(tl_validate.__file__).with_suffix(".pyi").read_text()
    classes = {node.name: node for node in ast.parse(stub).body if isinstance(node, ast.ClassDef)}

    def fields(name):
        return {item.target.id for item in classes[name].body if isinstance(item, ast.AnnAssign)}

    facts = tl_validate.check(GOOD).facts
    assert set(facts) <= fields("MediaFacts")
    assert set(facts["video_streams"][0]) <= fields("VideoStream")
    assert set(facts["audio_streams"][0]) <= fields("AudioStream")
    for name in ("Checker", "Report", "Finding", "Fix"):
        public = {item for item in vars(getattr(tl_validate, name)) if not item.startswith("_")}
        described = {item.name for item in classes[name].body if isinstance(item, ast.FunctionDef)}
        assert public <= described, name


def test_threads_run_in_parallel_and_share_the_helpers():
    tl_validate.check(GOOD)
    before = children()
    failures = []

    def work():
        try:
            for _ in range(50):
                assert tl_validate.check(GOOD).verdict == "pass"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(children()) <= max(len(before), min(8, os.cpu_count()))


def test_the_interpreter_runs_during_a_check(tmp_path):
    """A thread that counts must go on while another one waits for a helper that does not respond."""
    stalled = tmp_path / "stalled"
    stalled.write_text("#!/bin/sh\nsleep 60\n")
    stalled.chmod(0o755)
    checker = tl_validate.Checker(helper=stalled, deadline=0.001)
    ended = threading.Event()

    def check():
        with pytest.raises(tl_validate.CheckError):
            checker.check(GOOD)
        ended.set()

    thread = threading.Thread(target=check)
    thread.start()
    ticks = 0
    while not ended.wait(0.01) and ticks < 20:
        ticks += 1
    assert ticks == 20, "the GIL was held"
    thread.join()


def test_a_child_of_fork_has_its_own_helpers():
    tl_validate.check(GOOD)
    parents = children()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        reports = pool.map(tl_validate.check, [GOOD, SMALL] * 10)
    assert [report.verdict for report in reports] == ["pass", "refuse"] * 10
    assert children() == parents, "the helpers of the parent still run"
    assert tl_validate.check(GOOD).verdict == "pass"


def children():
    own = "\nPPid:\t%d\n" % os.getpid()
    found = set()
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if own in text and "Name:\ttl-probe" in text:
            found.add(status.parent.name)
    return found
