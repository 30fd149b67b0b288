"""The official Python client against the emulator: the first version of embeddings, and those of indexed videos."""

import math
import time

import pytest
from conftest import refused
from test_entities import png
from twelvelabs.errors import BadRequestError


def length(numbers):
    return math.sqrt(sum(number * number for number in numbers))


def test_inputs_at_once(emulator, clips):
    create = emulator.client.embed.create
    with open(clips / "good.mp4", "rb") as audio:
        result = create(
            model_name="marengo3.0", text="goal", image_file=("goal.png", png(), "image/png"), audio_file=audio, audio_start_offset_sec=1
        )
    assert result.model_name == "marengo3.0"
    [text], [image] = result.text_embedding.segments, result.image_embedding.segments
    assert len(text.float_) == 512 and abs(length(text.float_) - 1) < 1e-3
    assert sum(a * b for a, b in zip(text.float_, image.float_)) > 0.8
    [clip] = result.audio_embedding.segments
    assert (clip.start_offset_sec, round(clip.end_offset_sec)) == (1, 5)
    # One input can fail in a response that succeeds.
    result = create(model_name="marengo3.0", text="goal", audio_url="https://example.com/a.mp3")
    assert result.text_embedding.segments and "audio_file" in result.audio_embedding.error_message
    assert create(model_name="marengo3.0", image_url="https://example.com/goal.png").image_embedding.segments
    for arguments, code in [({}, "parameter_not_provided"), ({"text": ""}, "parameter_invalid")]:
        with refused(BadRequestError, 400, code):
            create(model_name="marengo3.0", **arguments)


def test_tasks(emulator, clips):
    tasks = emulator.client.embed.tasks
    with open(clips / "good.mp4", "rb") as video:
        created = tasks.create(model_name="marengo3.0", video_file=video, video_clip_length=2, video_embedding_scope=["clip", "video"])
    while (status := tasks.status(created.id)).status == "processing":
        time.sleep(0.05)
    assert (status.status, status.id, status.model_name) == ("ready", created.id, "marengo3.0")
    task = tasks.retrieve(created.id, embedding_option=["visual"])
    segments = task.video_embedding.segments
    # The last second is dropped.
    assert [(segment.embedding_scope, segment.start_offset_sec) for segment in segments] == [("clip", 0), ("clip", 2), ("video", 0)]
    assert {segment.embedding_option for segment in segments} == {"visual"}
    assert len(segments[0].float_) == 512
    assert task.video_embedding.metadata.video_clip_length == 2
    assert {segment.embedding_option for segment in tasks.retrieve(created.id).video_embedding.segments} == {"visual", "audio"}
    assert [listed.id for listed in tasks.list(status="ready")] == [created.id]
    with refused(BadRequestError, 400, "parameter_invalid"):
        tasks.create(model_name="marengo3.0", video_url="https://example.com/a.mp4", video_clip_length=11)
    emulator.control("POST", "/clock/advance", {"seconds": 7 * 24 * 3600})
    with pytest.raises(BadRequestError):
        tasks.retrieve(created.id)
    assert list(tasks.list()) == []


def test_indexed_videos(emulator, clips):
    index = emulator.index()
    with open(clips / "good.mp4", "rb") as video:
        task = emulator.client.tasks.create(index_id=index, video_file=video)
    while emulator.client.tasks.retrieve(task.id).status != "ready":
        time.sleep(0.05)
    video = emulator.client.indexes.videos.retrieve(index, task.video_id, embedding_option=["visual", "audio"])
    assert video.embedding.model_name == "marengo3.0"
    segments = video.embedding.video_embedding.segments
    assert {segment.embedding_option for segment in segments} == {"visual", "audio"}
    assert {segment.embedding_scope for segment in segments} == {"clip"}
    assert all(len(segment.float_) == 512 for segment in segments)
    assert emulator.client.indexes.videos.retrieve(index, task.video_id).embedding is None
    with open(clips / "good.mp4", "rb") as file:
        asset = emulator.client.assets.create(method="direct", file=file).id
    while emulator.client.assets.retrieve(asset).status == "processing":
        time.sleep(0.05)
    inside = emulator.client.indexes.indexed_assets.create(index, asset_id=asset).id
    while emulator.client.indexes.indexed_assets.retrieve(index, inside).status != "ready":
        time.sleep(0.05)
    found = emulator.client.indexes.indexed_assets.retrieve(index, inside, embedding_option=["visual"])
    assert len(found.embedding.video_embedding.segments) == 1
