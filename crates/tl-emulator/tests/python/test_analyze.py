"""The official Python client against the emulator: every operation of analyses."""

import json
import pathlib
import tempfile
import time

import httpx
import pytest
from conftest import refused, running
from programs import create_clip
from twelvelabs.core.request_options import RequestOptions
from twelvelabs.errors import BadRequestError, NotFoundError

SIDECAR = {
    "transcript": [{"start": 0, "end": 2, "text": "Good evening.", "speaker": "Ada"}],
    "segments": [
        {"start": 0, "end": 2, "labels": ["goal"], "metadata": {"team": "red"}},
        {"start": 2, "end": 5, "labels": ["talk"]},
    ],
    "answers": [{"prompt": "summarize*", "text": "{{filename}}: {{transcript[0:1]}}"}],
}
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}, "rating": {"type": "integer", "minimum": 1, "maximum": 5}}, "required": ["title", "rating"]}
GOALS = {"type": "segment_definitions", "segment_definitions": [{"id": "goal", "description": "a goal", "fields": [{"name": "team", "type": "string", "description": "who"}, {"name": "sure", "type": "boolean", "description": "is it certain"}]}]}


@pytest.fixture(scope="module")
def answers():
    with tempfile.TemporaryDirectory(prefix="tl-answers-") as folder:
        folder = pathlib.Path(folder)
        create_clip(folder / "match.mp4", "640x360", 5)
        (folder / "match.mp4.tl.json").write_text(json.dumps(SIDECAR))
        fixtures = {"fixtures": [{"when": {"prompt": "how many*", "media": "*"}, "answer": {"goals": 2}}]}
        (folder / "all.fixtures.json").write_text(json.dumps(fixtures))
        yield folder


@pytest.fixture
def emulator(answers):
    with running("--allow-private", "--pace", "instant", "--answers", str(answers)) as emulator:
        yield emulator


def upload(client, path, filename="renamed.mp4"):
    with open(path, "rb") as file:
        asset = client.assets.create(method="direct", file=file, filename=filename).id
    while client.assets.retrieve(asset).status == "processing":
        time.sleep(0.02)
    return {"type": "asset_id", "asset_id": asset}


@pytest.fixture
def video(emulator, answers):
    return upload(emulator.client, answers / "match.mp4")


def test_whole_answers(emulator, video):
    client = emulator.client
    # The sidecar is found by content, whatever the name is.
    answer = client.analyze(video=video, prompt="Summarize it.", model_name="pegasus1.5")
    assert (answer.data, answer.finish_reason) == ("renamed.mp4: Good evening.", "stop")
    assert answer.usage.output_tokens == 7
    answer = client.analyze(video=video, prompt="How many goals?")
    assert json.loads(answer.data) == {"goals": 2}
    answer = client.analyze(video=video, prompt="Rate it.", response_format={"type": "json_schema", "json_schema": SCHEMA})
    value = json.loads(answer.data)
    assert value["title"] == "Good evening." and 1 <= value["rating"] <= 5
    answer = client.analyze(video=video, prompt="Why?")
    assert answer.data.startswith("[emulator: no fixture matches") and answer.data.endswith("Why?")
    long = client.analyze(video=video, prompt="x" * 9000, max_tokens=512)
    assert (long.finish_reason, len(long.data), long.usage.output_tokens) == ("length", 2048, 512)
    assert "truncated" in long.error.message


def test_source_of_an_answer_is_named(emulator, video):
    def source(prompt, **more):
        body = {"video": video, "prompt": prompt, "stream": False, **more}
        headers = {"x-api-key": emulator.api_key}
        return httpx.post(emulator.base_url + "/v1.3/analyze", json=body, headers=headers).headers["x-emulator-answer"]

    assert source("Summarize it.") == "fixture"
    assert source("Rate it.", response_format={"type": "json_schema", "json_schema": SCHEMA}) == "generated"
    assert source("Why?") == "echo"


def test_streamed_answers(emulator, video):
    events = list(emulator.client.analyze_stream(video=video, prompt="Why is the sky blue, and the grass green, today?"))
    assert [events[0].event_type, events[-1].event_type] == ["stream_start", "stream_end"]
    text = "".join(event.text for event in events[1:-1])
    assert text.endswith("today?") and len(events) > 4
    assert events[-1].metadata.usage.output_tokens == -(-len(text) // 4)


def test_refusals(emulator, video, answers):
    client = emulator.client
    with refused(BadRequestError, 400, "parameter_invalid"):
        client.analyze(video=video, prompt="Why?", max_tokens=10)
    with refused(NotFoundError, 404, "resource_not_exist"):
        client.analyze(video={"type": "asset_id", "asset_id": "0" * 24}, prompt="Why?")
    with refused(BadRequestError, 400, "parameter_invalid"):
        client.analyze(video=video, prompt="Why?", start_time=1, end_time=60)
    with pytest.raises(Exception) as error:
        client.analyze(video=video, prompt="Why?", response_format={"type": "json_schema", "json_schema": {"type": "string", "maxLength": 3}})
    assert error.value.status_code == 422


def test_tasks(emulator, video):
    tasks = emulator.client.analyze_async.tasks
    created = tasks.create(video=video, prompt="Summarize it.", custom_id="row-17")
    task = tasks.retrieve(created.task_id)
    assert (task.status, task.custom_id) == ("ready", "row-17")
    assert task.result.data == "renamed.mp4: Good evening."
    assert task.video_source.system_metadata.duration == 5
    assert [task.task_id for task in tasks.list(asset_id=video["asset_id"], status="ready").data] == [created.task_id]
    assert tasks.list(analysis_mode="time_based_metadata").data == []
    assert tasks.delete(created.task_id) is None
    with refused(NotFoundError, 404, "resource_not_exist"):
        tasks.retrieve(created.task_id)


def test_segments(emulator, video):
    tasks = emulator.client.analyze_async.tasks
    created = tasks.create(video=video, analysis_mode="time_based_metadata", response_format=GOALS)
    goals = json.loads(tasks.retrieve(created.task_id).result.data)["goal"]
    assert [(goal["start_time"], goal["end_time"]) for goal in goals] == [(0, 2)]
    assert goals[0]["metadata"]["team"] == "red" and isinstance(goals[0]["metadata"]["sure"], bool)


def test_idempotency_key(emulator, video):
    tasks = emulator.client.analyze_async.tasks
    options = RequestOptions(additional_headers={"Idempotency-Key": "key-1"})
    first = tasks.create(video=video, prompt="Why?", request_options=options)
    again = tasks.create(video=video, prompt="Why?", request_options=options)
    assert first.task_id == again.task_id
    with pytest.raises(Exception) as error:
        tasks.create(video=video, prompt="How?", request_options=options)
    assert error.value.status_code == 409
    assert len(tasks.list().data) == 1


def test_cancel():
    with running("--clock", "manual") as emulator:
        tasks = emulator.client.analyze_async.tasks
        created = tasks.create(video={"type": "url", "url": "https://example.com/a.mp4"}, prompt="Why?")
        assert tasks.cancel(created.task_id).status == "canceled"
        assert tasks.cancel(created.task_id).status == "canceled"
        assert tasks.retrieve(created.task_id).error.code == "user_canceled"


def test_batches(emulator, video):
    batches = emulator.client.analyze_async.batches
    requests = [{"video": video, "custom_id": "a"}, {"video": video, "custom_id": "b", "prompt": {"input_text": "Summarize it."}}]
    created = batches.create(
        model_name="pegasus1.5",
        analysis_mode="general",
        requests=requests,
        defaults={"prompt": {"input_text": "How many goals?"}},
    )
    assert [item.custom_id for item in created.items] == ["a", "b"]
    batch = batches.retrieve(created.batch_id)
    assert (batch.status, batch.ready_items, batch.total_items) == ("completed", 2, 2)
    results = {result.custom_id: result.data.data for result in batches.results(created.batch_id)}
    assert results == {"a": '{"goals":2}', "b": "renamed.mp4: Good evening."}
    assert [batch.batch_id for batch in batches.list(status=["completed"])] == [created.batch_id]
    with pytest.raises(Exception) as error:
        batches.cancel(created.batch_id)
    assert (error.value.status_code, error.value.body.code if hasattr(error.value.body, "code") else error.value.body["code"]) == (409, "batch_completed")
    batches.delete(created.batch_id)
    assert list(batches.list()) == []


def test_active_batches():
    with running("--clock", "manual") as emulator:
        with tempfile.TemporaryDirectory() as folder:
            create_clip(pathlib.Path(folder) / "a.mp4", "640x360", 5)
            with open(pathlib.Path(folder) / "a.mp4", "rb") as file:
                asset = emulator.client.assets.create(method="direct", file=file, filename="a.mp4").id
        emulator.control("POST", "/clock/advance", {"seconds": 60})
        batches = emulator.client.analyze_async.batches
        video = {"type": "asset_id", "asset_id": asset}

        def create():
            return batches.create(
                model_name="pegasus1.5",
                analysis_mode="general",
                requests=[{"video": video}],
                defaults={"prompt": {"input_text": "Why?"}},
            )

        first = [create() for _ in range(5)][0]
        with pytest.raises(Exception) as error:
            create()
        assert error.value.status_code == 429
        assert batches.cancel(first.batch_id).status == "canceled"
        assert create().status == "pending"
