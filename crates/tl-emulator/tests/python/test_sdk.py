"""The official Python client against the emulator: every operation of tasks, indexes and videos."""

import time

import httpx
import pytest
from conftest import running
from twelvelabs import AsyncTwelveLabs, TwelveLabs
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, NotFoundError

MARENGO = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
UNKNOWN_ID = "aaaaaaaaaaaaaaaaaaaaaaaa"


def code(error):
    body = error.value.body
    return body["code"] if isinstance(body, dict) else body.code


def upload(emulator, path, index, **more):
    with open(path, "rb") as file:
        return emulator.client.tasks.create(index_id=index, video_file=file, **more)


def ready(emulator, path, index, **more):
    task = upload(emulator, path, index, **more)
    return emulator.client.tasks.wait_for_done(task.id, sleep_interval=0.05)


# Indexes


def test_create_and_retrieve_index(emulator):
    client = emulator.client
    created = client.indexes.create(index_name="clips", models=MARENGO, addons=["thumbnail"])
    assert len(created.id) == 24 and int(created.id, 16)
    index = client.indexes.retrieve(created.id)
    assert index.id == created.id
    assert index.index_name == "clips"
    assert index.models[0].model_name == "marengo3.0"
    assert index.models[0].model_options == ["visual", "audio"]
    assert index.addons == ["thumbnail"]
    assert index.video_count == 0 and index.total_duration == 0
    assert index.expires_at is None
    assert index.created_at == index.updated_at and index.created_at.endswith("Z")


def test_rename_and_delete_index(emulator):
    client = emulator.client
    index = emulator.index("old")
    assert client.indexes.update(index, index_name="new") is None
    assert client.indexes.retrieve(index).index_name == "new"
    assert client.indexes.retrieve(index).updated_at >= client.indexes.retrieve(index).created_at
    assert client.indexes.delete(index) is None
    with pytest.raises(ApiError) as error:
        client.indexes.retrieve(index)
    assert error.value.status_code == 404
    assert code(error) == "resource_not_exist"


def test_list_indexes(emulator):
    client = emulator.client
    names = [f"index-{number:02}" for number in range(12)]
    for name in names:
        emulator.index(name, ["visual"] if name == "index-03" else ["visual", "audio"])
    listed = [index.index_name for index in client.indexes.list()]
    assert listed == names[::-1]
    assert [index.index_name for index in client.indexes.list(sort_option="asc", page_limit=5)] == names
    assert [index.index_name for index in client.indexes.list(index_name="index-07")] == ["index-07"]
    assert len(list(client.indexes.list(model_options="visual,audio"))) == 11
    assert len(list(client.indexes.list(model_family="marengo", page_limit=50))) == 12
    assert list(client.indexes.list(model_family="pegasus")) == []
    assert list(client.indexes.list(created_at="2999-01-01T00:00:00Z")) == []
    assert len(list(client.indexes.list(updated_at="2020-01-01T00:00:00Z"))) == 12
    pager = client.indexes.list(page_limit=5)
    assert len(pager.items) == 5 and pager.has_next


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({"index_name": "", "models": MARENGO}, "parameter_invalid"),
        ({"index_name": "x", "models": []}, "parameter_invalid"),
        ({"index_name": "x", "models": [{"model_name": "pegasus1.2", "model_options": ["visual"]}]}, "parameter_invalid"),
        ({"index_name": "x", "models": [{"model_name": "marengo3.0", "model_options": ["transcription"]}]}, "parameter_invalid"),
        ({"index_name": "x", "models": MARENGO, "addons": ["subtitles"]}, "parameter_invalid"),
        ({"index_name": "taken", "models": MARENGO}, "index_name_already_exists"),
    ],
)
def test_invalid_index_is_refused(emulator, arguments, expected):
    emulator.index("taken")
    with pytest.raises(BadRequestError) as error:
        emulator.client.indexes.create(**arguments)
    assert error.value.status_code == 400
    assert code(error) == expected


# Tasks


def test_upload_and_index_file(emulator, clips):
    client = emulator.client
    index = emulator.index()
    created = upload(emulator, clips / "good.mp4", index, user_metadata='{"category": "recent", "n": 5}')
    assert len(created.id) == 24 and len(created.video_id) == 24
    seen = []
    done = client.tasks.wait_for_done(created.id, sleep_interval=0.05, callback=lambda task: seen.append(task.status))
    assert done.status == "ready"
    order = ["validating", "pending", "queued", "indexing", "ready"]
    assert sorted(set(seen), key=order.index) == list(dict.fromkeys(seen))
    assert done.id == created.id and done.video_id == created.video_id and done.index_id == index
    assert done.system_metadata.filename == "good.mp4"
    assert (done.system_metadata.width, done.system_metadata.height) == (640, 360)
    assert 4.9 < done.system_metadata.duration < 5.2
    assert done.created_at < done.updated_at
    entry = emulator.journal(operation="tasks.create")[0]
    assert entry["status"] == 201 and entry["media_stored"]
    assert entry["user_agent"].startswith("twelvelabs/")
    assert emulator.api_key not in str(emulator.journal())


def test_fetch_and_index_url(emulator, site):
    index = emulator.index()
    created = emulator.client.tasks.create(index_id=index, video_url=f"{site}/good.mp4", enable_video_stream=False)
    done = emulator.client.tasks.wait_for_done(created.id, sleep_interval=0.05)
    assert done.status == "ready"
    assert done.system_metadata.filename == "good.mp4"


def test_bad_url_fails_with_a_reason(emulator, site):
    index = emulator.index()
    for path, reason in [("small.mp4", "video_resolution_too_low"), ("text.mp4", "video_file_broken"), ("none.mp4", "404")]:
        created = emulator.client.tasks.create(index_id=index, video_url=f"{site}/{path}")
        done = emulator.client.tasks.wait_for_done(created.id, sleep_interval=0.05)
        assert done.status == "failed"
        assert reason in done.error_reason


@pytest.mark.parametrize(
    "clip, expected",
    [
        ("small.mp4", "video_resolution_too_low"),
        ("short.mp4", "video_duration_too_short"),
        ("text.mp4", "video_file_broken"),
    ],
)
def test_bad_file_is_refused_immediately(emulator, clips, clip, expected):
    index = emulator.index()
    with pytest.raises(BadRequestError) as error:
        upload(emulator, clips / clip, index)
    assert error.value.status_code == 400
    assert code(error) == expected
    assert list(emulator.client.tasks.list()) == []
    assert error.value.headers["x-api-version"] == "1.3"


def test_invalid_task_is_refused(emulator, site):
    create = emulator.client.tasks.create
    index = emulator.index()
    url = f"{site}/good.mp4"
    for arguments, status, expected in [
        ({"index_id": "clips", "video_url": url}, 400, "parameter_invalid"),
        ({"index_id": UNKNOWN_ID, "video_url": url}, 404, "resource_not_exist"),
        ({"index_id": index}, 400, "parameter_not_provided"),
        ({"index_id": index, "video_url": "ftp://example.com/a.mp4"}, 400, "parameter_invalid"),
        ({"index_id": index, "video_url": url, "user_metadata": "no json"}, 400, "parameter_invalid"),
        ({"index_id": index, "video_url": url, "user_metadata": '{"a": {"b": 1}}'}, 400, "parameter_invalid"),
    ]:
        with pytest.raises(ApiError) as error:
            create(**arguments)
        assert (error.value.status_code, code(error)) == (status, expected), arguments


def test_bulk_creation_drops_bad_tasks(emulator, clips, site, capsys):
    index = emulator.index()
    with open(clips / "good.mp4", "rb") as good, open(clips / "small.mp4", "rb") as small:
        tasks = emulator.client.tasks.create_bulk(index_id=index, video_files=[good, small])
    assert len(tasks) == 1
    assert "video_resolution_too_low" in capsys.readouterr().out
    tasks = emulator.client.tasks.create_bulk(index_id=index, video_urls=[f"{site}/good.mp4", f"{site}/good.mp4"])
    assert len(tasks) == 2
    assert len(list(emulator.client.tasks.list(index_id=index))) == 3


def test_list_tasks(emulator, clips):
    client = emulator.client
    index, other = emulator.index(), emulator.index("other")
    done = ready(emulator, clips / "good.mp4", index)
    fresh = upload(emulator, clips / "good.mp4", other)
    ids = lambda **wanted: [task.id for task in client.tasks.list(**wanted)]
    assert ids() == [fresh.id, done.id]
    assert ids(sort_option="asc", sort_by="created_at") == [done.id, fresh.id]
    assert ids(sort_by="updated_at") == [fresh.id, done.id]
    assert ids(index_id=other) == [fresh.id]
    assert ids(status="ready", index_id=index) == [done.id]
    assert ids(status=["ready", "failed"], index_id=index) == [done.id]
    assert ids(status=["failed"]) == []
    assert ids(filename="good.mp4", page_limit=1) == [fresh.id, done.id]
    assert ids(filename="bad.mp4") == []
    assert ids(width=640, height=360) == [fresh.id, done.id]
    assert ids(width=641) == []
    assert ids(duration=done.system_metadata.duration) == [fresh.id, done.id]
    assert ids(created_at=fresh_date(client, fresh)) == [fresh.id]
    assert ids(updated_at="2999-01-01T00:00:00Z") == []


def fresh_date(client, task):
    return client.tasks.retrieve(task.id).created_at


@pytest.mark.parametrize(
    "wanted",
    [{"page": 0}, {"page_limit": 0}, {"page_limit": 51}, {"sort_by": "name"}, {"sort_option": "up"}, {"created_at": "now"}],
)
def test_invalid_list_is_refused(emulator, wanted):
    with pytest.raises(BadRequestError) as error:
        list(emulator.client.tasks.list(**wanted))
    assert code(error) == "parameter_invalid"
    assert next(iter(wanted)) in str(error.value.body)


def test_unknown_parameter_is_refused(emulator):
    options = {"additional_query_parameters": {"color": "blue"}}
    with pytest.raises(BadRequestError) as error:
        list(emulator.client.tasks.list(request_options=options))
    assert code(error) == "parameter_unknown"


def test_delete_task_after_its_video(emulator, clips):
    client = emulator.client
    index = emulator.index()
    task = upload(emulator, clips / "good.mp4", index)
    with pytest.raises(BadRequestError) as error:
        client.tasks.delete(task.id)
    assert code(error) == "task_cannot_be_deleted"
    client.tasks.wait_for_done(task.id, sleep_interval=0.05)
    with pytest.raises(BadRequestError) as error:
        client.tasks.delete(task.id)
    assert code(error) == "task_cannot_be_deleted"
    assert client.indexes.videos.delete(index, task.video_id) is None
    assert client.tasks.delete(task.id) is None
    with pytest.raises(ApiError) as error:
        client.tasks.retrieve(task.id)
    assert error.value.status_code == 404


# Videos


def test_retrieve_update_and_delete_video(emulator, clips):
    client = emulator.client
    index = emulator.index()
    task = ready(emulator, clips / "good.mp4", index, user_metadata='{"category": "recent", "n": 5}')
    video = client.indexes.videos.retrieve(index, task.video_id)
    assert video.id == task.video_id
    system = video.system_metadata
    assert (system.filename, system.width, system.height, system.fps) == ("good.mp4", 640, 360, 25)
    assert system.size == (clips / "good.mp4").stat().st_size
    assert video.user_metadata == {"category": "recent", "n": 5}
    assert video.indexed_at == task.updated_at and video.created_at == task.created_at
    assert client.indexes.retrieve(index).video_count == 1
    assert client.indexes.retrieve(index).total_duration == system.duration

    client.indexes.videos.update(index, task.video_id, user_metadata={"n": 6, "category": None, "tags": ["a", "b"]})
    video = client.indexes.videos.retrieve(index, task.video_id)
    assert video.user_metadata == {"n": 6, "tags": ["a", "b"]}
    assert video.updated_at > video.indexed_at

    client.indexes.videos.delete(index, task.video_id)
    with pytest.raises(NotFoundError) as error:
        client.indexes.videos.retrieve(index, task.video_id)
    assert code(error) == "not_found"
    assert client.indexes.retrieve(index).video_count == 0


def test_list_videos(emulator):
    client = emulator.client
    videos = [
        {"filename": "a.mp4", "duration": 10, "fps": 25, "width": 640, "height": 360, "size": 1000, "user_metadata": {"n": 1}},
        {"filename": "b.mp4", "duration": 20.5, "fps": 30, "width": 1280, "height": 720, "size": 2000, "user_metadata": {"b": True}},
        {"filename": "c.mp4", "duration": 30, "fps": 50, "width": 1920, "height": 1080, "size": 3000, "user_metadata": {"s": "x"}},
    ]
    created = emulator.control("POST", "/seed", {"indexes": [{"index_name": "seeded", "videos": videos}]})
    index = created["indexes"][0]
    names = lambda **wanted: "".join(video.system_metadata.filename[0] for video in client.indexes.videos.list(index, **wanted))
    assert names() == "cba"
    assert names(sort_option="asc", page_limit=2) == "abc"
    assert names(filename="b.mp4") == "b"
    assert names(duration=20.5) == "b"
    assert names(duration={"gte": 15, "lte": 30}) == "cb"
    assert names(fps={"lte": 30}) == "ba"
    assert names(width=1920) == "c"
    assert names(height={"gte": 720}) == "cb"
    assert names(size={"gte": 1500}) == "cb"
    assert names(user_metadata={"n": 1}) == "a"
    assert names(user_metadata={"b": True}) == "b"
    assert names(user_metadata={"s": "x"}) == "c"
    assert names(user_metadata={"s": "y"}) == ""
    assert names(created_at="2999-01-01T00:00:00Z") == ""


# Keys, errors, faults


def test_platform_key_is_refused(emulator):
    client = TwelveLabs(api_key="tlk_0123456789", base_url=emulator.base_url)
    with pytest.raises(ApiError) as error:
        list(client.tasks.list())
    assert error.value.status_code == 401
    assert code(error) == "api_key_invalid"


def test_json_instead_of_form_is_refused(emulator):
    index = emulator.index()
    body = {"index_id": index, "video_url": "http://example.com/a.mp4"}
    response = httpx.post(f"{emulator.base_url}/tasks", json=body, headers={"x-api-key": emulator.api_key})
    assert (response.status_code, response.json()["code"]) == (400, "content_type_invalid")


def test_client_retries_a_fault(emulator):
    emulator.control("POST", "/faults", "tasks.list nth=1 status=503")
    with pytest.raises(ApiError) as error:
        list(emulator.client.tasks.list())
    assert error.value.status_code == 503
    emulator.control("PUT", "/faults", {"faults": [{"operation": "tasks.list", "nth": [1], "retry_after": 1}]})
    started = time.monotonic()
    # The client counts from 2, so 3 means one retry.
    assert list(emulator.client.tasks.list(request_options={"max_retries": 3})) == []
    assert time.monotonic() - started >= 1
    assert len(emulator.journal(operation="tasks.list", status=429)) == 1


def test_lost_response_leaves_a_task(emulator, clips):
    index = emulator.index()
    emulator.control("POST", "/faults", "tasks.create nth=1 lose_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        upload(emulator, clips / "good.mp4", index)
    assert len(list(emulator.client.tasks.list(index_id=index))) == 1


def test_advance_clock_until_idle(clips):
    with running("--clock", "manual") as emulator:
        index = emulator.index()
        task = upload(emulator, clips / "good.mp4", index)
        assert emulator.client.tasks.retrieve(task.id).status == "validating"
        emulator.control("POST", "/clock/advance", {"until": "idle"})
        assert emulator.client.tasks.retrieve(task.id).status == "ready"


def test_free_plan_refuses_request_61(emulator):
    emulator.control("PUT", "/plan", {"plan": "free"})
    index = emulator.index()
    # Stop the clock so that the minute does not end while requests are counted.
    emulator.control("PUT", "/clock", {"mode": "manual"})
    emulator.control("POST", "/clock/advance", {"seconds": 60})
    create = lambda: emulator.client.tasks.create(index_id=index, video_url="http://127.0.0.1:9/a.mp4")
    for _ in range(60):
        create()
    with pytest.raises(ApiError) as error:
        create()
    assert (error.value.status_code, code(error)) == (429, "too_many_requests")
    assert 1 <= int(error.value.headers["retry-after"]) <= 60
    assert error.value.headers["x-ratelimit-remaining"] == "0"


def test_async_client(emulator, clips):
    import asyncio

    async def story():
        client = AsyncTwelveLabs(api_key=emulator.api_key, base_url=emulator.base_url)
        index = (await client.indexes.create(index_name="async", models=MARENGO)).id
        with open(clips / "good.mp4", "rb") as file:
            task = await client.tasks.create(index_id=index, video_file=file)
        done = await client.tasks.wait_for_done(task.id, sleep_interval=0.05)
        assert done.status == "ready"
        pager = await client.tasks.list(index_id=index)
        assert [task.id async for task in pager] == [done.id]
        await client.indexes.delete(index)
        with pytest.raises(ApiError):
            await client.tasks.retrieve(done.id)

    asyncio.run(story())
