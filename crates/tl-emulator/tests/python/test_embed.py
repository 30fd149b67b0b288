"""The official Python client against the emulator: embeddings at once and by tasks."""

import math
import time

import pytest
from conftest import refused
from test_entities import image
from twelvelabs import MediaSource, TextInputRequest, VideoInputRequest
from twelvelabs.errors import BadRequestError, NotFoundError
from twelvelabs.types import AudioInputRequest, ImageInputRequest


def cosine(one, two):
    return sum(a * b for a, b in zip(one, two)) / math.sqrt(sum(a * a for a in one) * sum(b * b for b in two))


def text(emulator, words):
    result = emulator.client.embed.v_2.create(input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text=words))
    [row] = result.data
    return row.embedding


def asset(emulator, clips):
    with open(clips / "good.mp4", "rb") as file:
        id = emulator.client.assets.create(method="direct", file=file, filename="soccer goal.mp4").id
    while emulator.client.assets.retrieve(id).status == "processing":
        time.sleep(0.05)
    return id


def test_texts(emulator):
    one, two = text(emulator, "goal in the rain"), text(emulator, "a GOAL in the rain!")
    assert len(one) == 512 and abs(math.sqrt(sum(number * number for number in one)) - 1) < 1e-3
    assert cosine(one, two) > 0.95
    assert abs(cosine(one, text(emulator, "interview with the mayor"))) < 0.2
    assert one == text(emulator, "goal in the rain")


def test_media_at_once(emulator, clips):
    id = asset(emulator, clips)
    video = VideoInputRequest(media_source=MediaSource(asset_id=id))
    result = emulator.client.embed.v_2.create(input_type="video", model_name="marengo3.0", video=video)
    # Nothing is known about speech, so that there is no transcription.
    kinds = {(row.embedding_option, row.embedding_scope) for row in result.data}
    assert kinds == {(option, scope) for option in ("visual", "audio") for scope in ("clip", "asset")}
    assert all(row.start_sec == 0 and len(row.embedding) == 512 for row in result.data)
    visual = next(row.embedding for row in result.data if row.embedding_option == "visual")
    assert cosine(visual, text(emulator, "soccer goal")) > 0.8
    fused = VideoInputRequest(
        media_source=MediaSource(asset_id=id), embedding_option=["visual", "audio"], embedding_scope=["asset"], embedding_type=["fused_embedding"]
    )
    [row] = emulator.client.embed.v_2.create(input_type="video", model_name="marengo3.0", video=fused).data
    assert row.embedding_option == "fused"
    audio = AudioInputRequest(media_source=MediaSource(asset_id=id))
    result = emulator.client.embed.v_2.create(input_type="audio", model_name="marengo3.0", audio=audio)
    assert {row.embedding_option for row in result.data} == {"audio"}
    picture = ImageInputRequest(media_source=MediaSource(asset_id=image(emulator.client)))
    [row] = emulator.client.embed.v_2.create(input_type="image", model_name="marengo3.0", image=picture).data
    assert (row.embedding_option, len(row.embedding)) == (None, 512)


def test_tasks(emulator, clips):
    tasks = emulator.client.embed.v_2.tasks
    video = VideoInputRequest(media_source=MediaSource(asset_id=asset(emulator, clips)), embedding_scope=["clip"])
    created = tasks.create(input_type="video", model_name="marengo3.0", video=video)
    assert created.status == "processing"
    while (task := tasks.retrieve(created.id)).status == "processing":
        time.sleep(0.05)
    assert (task.status, {row.embedding_scope for row in task.data}) == ("ready", {"clip"})
    assert [listed.id for listed in tasks.list(status="ready")] == [created.id]
    # Results are kept for seven days.
    emulator.control("POST", "/clock/advance", {"seconds": 7 * 24 * 3600})
    with pytest.raises(NotFoundError):
        tasks.retrieve(created.id)
    assert list(tasks.list()) == []


def test_refusals(emulator):
    create = emulator.client.embed.v_2.create
    unknown = VideoInputRequest(media_source=MediaSource(asset_id="aaaaaaaaaaaaaaaaaaaaaaaa"))
    words = TextInputRequest(input_text="a")
    for arguments, code in [
        ({"input_type": "video", "model_name": "marengo3.0", "video": unknown}, "resource_not_exist"),
        ({"input_type": "text", "model_name": "marengo3.5", "text": words}, "parameter_invalid"),
        ({"input_type": "text", "model_name": "marengo3.0"}, "parameter_not_provided"),
        ({"input_type": "text", "model_name": "marengo3.0", "text": words, "embedding_dimension": 256}, "parameter_invalid"),
    ]:
        with refused(BadRequestError, 400, code):
            create(**arguments)
    with refused(BadRequestError, 400, "parameter_invalid"):
        emulator.client.embed.v_2.tasks.create(input_type="text", model_name="marengo3.0")
