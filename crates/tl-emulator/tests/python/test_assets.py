"""Assets, their metadata, and indexed assets, with the official client."""

import time

import pytest
from conftest import refused, running
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, ConflictError, NotFoundError

UNKNOWN_ID = "aaaaaaaaaaaaaaaaaaaaaaaa"


def wait_for(read, status="ready"):
    for _ in range(400):
        found = read()
        if found.status in ("ready", "failed"):
            assert found.status == status
            return found
        time.sleep(0.05)
    raise AssertionError("it never ended")


def create_asset(emulator, path, **more):
    with open(path, "rb") as file:
        created = emulator.client.assets.create(method="direct", file=file, **more)
    return wait_for(lambda: emulator.client.assets.retrieve(created.id))


def index_asset(emulator, index, asset, **more):
    client = emulator.client.indexes.indexed_assets
    created = client.create(index, asset_id=asset, **more)
    return wait_for(lambda: client.retrieve(index, created.id))


# Assets


def test_asset_from_file(emulator, clips):
    client = emulator.client
    with open(clips / "good.mp4", "rb") as file:
        created = client.assets.create(method="direct", file=file, user_metadata='{"a": 1}')
    assert (created.status, created.method, created.filename) == ("processing", "direct", "good.mp4")
    assert len(created.id) == 24 and created.file_type == "video/mp4"
    asset = wait_for(lambda: client.assets.retrieve(created.id))
    assert (asset.filename, asset.size) == ("good.mp4", (clips / "good.mp4").stat().st_size)
    assert 4.9 < asset.duration < 5.2
    technical = asset.technical_metadata
    assert (technical.video_width, technical.video_height, technical.has_audio) == (640, 360, True)
    assert (technical.video_streams[0].codec, technical.audio_streams[0].codec) == ("mpeg4", "aac")
    assert asset.created_at == created.created_at
    assert asset.user_metadata == {"a": 1}


def test_asset_from_url(emulator, site):
    created = emulator.client.assets.create(method="url", url=f"{site}/good.mp4", filename="renamed.mp4")
    assert (created.status, created.method) == ("processing", "url")
    asset = wait_for(lambda: emulator.client.assets.retrieve(created.id))
    assert (asset.filename, asset.technical_metadata.video_width) == ("renamed.mp4", 640)


def test_bad_asset_fails_later_with_a_reason(emulator, clips, site):
    with open(clips / "text.mp4", "rb") as file:
        created = emulator.client.assets.create(method="direct", file=file)
    failed = wait_for(lambda: emulator.client.assets.retrieve(created.id), "failed")
    assert "could not read" in failed.error.message
    gone = emulator.client.assets.create(method="url", url=f"{site}/none.mp4")
    failed = wait_for(lambda: emulator.client.assets.retrieve(gone.id), "failed")
    assert "404" in failed.error.message and failed.size is None
    index = emulator.index()
    with refused(BadRequestError, 400, "parameter_invalid"):
        emulator.client.indexes.indexed_assets.create(index, asset_id=created.id)


def test_loopback_url_requires_permission(site):
    with running() as emulator:
        created = emulator.client.assets.create(method="url", url=f"{site}/good.mp4")
        failed = wait_for(lambda: emulator.client.assets.retrieve(created.id), "failed")
        assert "127.0.0.1" in failed.error.message or "private" in failed.error.message


def test_list_assets(emulator, clips):
    client = emulator.client
    created = [create_asset(emulator, clips / "good.mp4", filename=name).id for name in ("Alpha.mp4", "beta.MOV", "gamma.mp4")]
    ids = lambda **wanted: [asset.id for asset in client.assets.list(**wanted)]
    assert ids() == created[::-1]
    assert ids(page_limit=1) == created[::-1]
    assert ids(page=2, page_limit=2) == [created[0]]
    assert ids(page=9) == []
    assert ids(asset_ids=created[1:]) == created[:0:-1]
    assert ids(asset_ids=[UNKNOWN_ID]) == []
    assert ids(asset_types=["video"]) == created[::-1]
    assert ids(asset_types=["image", "audio", "document"]) == []
    assert ids(filename="ALPHA") == [created[0]]
    assert ids(filename="mp4") == [created[2], created[0]]
    pager = client.assets.list(page_limit=2)
    assert len(pager.items) == 2 and pager.has_next
    listed = client.assets.list(filename="gamma").items[0]
    assert listed == client.assets.retrieve(created[2])


@pytest.mark.parametrize(
    "wanted",
    [{"page": 0}, {"page_limit": 51}, {"asset_ids": ["x"]}, {"asset_types": ["song"]}],
)
def test_invalid_asset_list_is_refused(emulator, wanted):
    with refused(BadRequestError, 400, "parameter_invalid") as error:
        list(emulator.client.assets.list(**wanted))
    assert next(iter(wanted)) in str(error.value.body)


@pytest.mark.parametrize(
    "arguments, code",
    [
        ({"method": "direct"}, "parameter_not_provided"),
        ({"method": "url"}, "parameter_not_provided"),
        ({"method": "carrier-pigeon"}, "parameter_invalid"),
        ({"method": "url", "url": "ftp://example.com/a.mp4"}, "parameter_invalid"),
        ({"method": "url", "url": "no address"}, "parameter_invalid"),
        ({"method": "direct", "file": ("a.mp4", b"x"), "filename": "x" * 256}, "parameter_invalid"),
        ({"method": "direct", "file": ("a.mp4", b"x"), "user_metadata": "no json"}, "parameter_invalid"),
        ({"method": "direct", "file": ("a.mp4", b"x"), "user_metadata": '{"a": {"b": 1}}'}, "parameter_invalid"),
    ],
)
def test_invalid_asset_is_refused(emulator, arguments, code):
    with refused(BadRequestError, 400, code):
        emulator.client.assets.create(**arguments)
    assert list(emulator.client.assets.list()) == []


def test_unknown_asset_is_not_found(emulator):
    assets = emulator.client.assets
    for call in [
        lambda: assets.retrieve(UNKNOWN_ID),
        lambda: assets.update_user_metadata(UNKNOWN_ID, user_metadata={}),
        lambda: assets.replace_user_metadata(UNKNOWN_ID, user_metadata={}),
        lambda: assets.delete_user_metadata(UNKNOWN_ID),
        lambda: assets.retrieve_transcription(UNKNOWN_ID),
    ]:
        with refused(NotFoundError, 404, "resource_not_exist"):
            call()
    with refused(ApiError, 404, "resource_not_exist"):
        assets.delete(UNKNOWN_ID)
    with refused(BadRequestError, 400, "parameter_invalid"):
        assets.retrieve("clip")


def test_metadata_is_merged_replaced_and_cleared(emulator, clips):
    assets = emulator.client.assets
    asset = create_asset(emulator, clips / "good.mp4", user_metadata='{"a": 1, "empty": "", "none": []}').id
    seen = lambda: assets.retrieve(asset).user_metadata
    assert seen() == {"a": 1}
    assert assets.update_user_metadata(asset, user_metadata={"b": "x", "tags": ["p", "q"], "f": 1.5}) is None
    assert seen() == {"a": 1, "b": "x", "tags": ["p", "q"], "f": 1.5}
    assets.update_user_metadata(asset, user_metadata={"a": None, "b": ""})
    assert seen() == {"b": "x", "tags": ["p", "q"], "f": 1.5}
    assert assets.replace_user_metadata(asset, user_metadata={"c": True, "empty": "", "none": []}) is None
    assert seen() == {"c": True}
    assets.replace_user_metadata(asset, user_metadata={})
    assert seen() is None
    assets.update_user_metadata(asset, user_metadata={"d": 2})
    assert assets.delete_user_metadata(asset) is None
    assert seen() is None
    with refused(BadRequestError, 400, "parameter_invalid"):
        assets.update_user_metadata(asset, user_metadata={"a": {"b": 1}})


def test_indexed_asset_is_deleted_only_with_force(emulator, clips):
    client = emulator.client
    asset = create_asset(emulator, clips / "good.mp4").id
    index = emulator.index()
    indexed = index_asset(emulator, index, asset).id
    summary = client.indexes.indexed_assets.list_by_asset(asset).items[0]
    assert (summary.id, summary.index.id, summary.index.name) == (indexed, index, "clips")
    assert list(client.entity_collections.entities.list_by_asset(asset)) == []
    with refused(ConflictError, 409, "asset_in_use"):
        client.assets.delete(asset)
    with refused(ConflictError, 409, "asset_in_use"):
        client.assets.delete(asset, force=False)
    assert client.assets.delete(asset, force=True) is None
    with refused(NotFoundError, 404, "resource_not_exist"):
        client.assets.retrieve(asset)
    assert client.indexes.indexed_assets.retrieve(index, indexed).asset_id == asset
    other = create_asset(emulator, clips / "good.mp4").id
    again = index_asset(emulator, index, other).id
    client.indexes.indexed_assets.delete(index, again)
    assert client.assets.delete(other) is None


def test_transcription_does_not_exist(emulator, clips):
    asset = create_asset(emulator, clips / "good.mp4").id
    with refused(NotFoundError, 404, "not_found"):
        emulator.client.assets.retrieve_transcription(asset)
    with refused(NotFoundError, 404, "not_found"):
        emulator.client.assets.retrieve_transcription(asset, include=["words", "utterances"])


# Indexed assets


def test_index_update_and_delete_asset(emulator, clips):
    client = emulator.client
    asset = create_asset(emulator, clips / "good.mp4").id
    index = emulator.index()
    created = client.indexes.indexed_assets.create(index, asset_id=asset, user_metadata={"k": 1}, enable_video_stream=False)
    assert (created.asset_id, len(created.id)) == (asset, 24)
    entry = emulator.journal(operation="indexes.indexed_assets.create")[0]
    assert entry["status"] == 202
    found = wait_for(lambda: client.indexes.indexed_assets.retrieve(index, created.id))
    assert (found.id, found.asset_id, found.user_metadata) == (created.id, asset, {"k": 1})
    assert found.system_metadata.filename == "good.mp4"
    assert (found.system_metadata.width, found.system_metadata.height, found.system_metadata.fps) == (640, 360, 25)
    assert found.created_at <= found.indexed_at
    video = client.indexes.videos.retrieve(index, created.id)
    assert video.asset_id == asset
    assert (video.id, video.system_metadata.size) == (created.id, found.system_metadata.size)
    assert client.indexes.retrieve(index).video_count == 1
    assert client.indexes.indexed_assets.update(index, created.id, user_metadata={"k": None, "l": "v"}) is None
    assert client.indexes.indexed_assets.retrieve(index, created.id).user_metadata == {"l": "v"}
    assert client.indexes.indexed_assets.delete(index, created.id) is None
    with refused(NotFoundError, 404, "not_found"):
        client.indexes.indexed_assets.retrieve(index, created.id)
    with refused(NotFoundError, 404, "not_found"):
        client.indexes.videos.retrieve(index, created.id)


def test_list_indexed_assets(emulator, clips):
    client = emulator.client
    index, other = emulator.index(), emulator.index("other")
    asset = create_asset(emulator, clips / "good.mp4", filename="first.mp4").id
    second = create_asset(emulator, clips / "good.mp4", filename="second.mp4").id
    created = [
        index_asset(emulator, index, asset, user_metadata={"n": 1, "s": "x"}).id,
        index_asset(emulator, index, second, user_metadata={"n": 2, "b": True}).id,
    ]
    index_asset(emulator, other, asset)
    ids = lambda **wanted: [item.id for item in client.indexes.indexed_assets.list(index, **wanted)]
    assert ids() == created[::-1]
    assert ids(sort_option="asc", page_limit=1) == created
    assert ids(sort_by="updated_at", sort_option="desc") == created[::-1]
    assert ids(status=["ready"]) == created[::-1]
    assert ids(status=["pending", "queued", "indexing", "failed"]) == []
    assert ids(filename="second.mp4") == [created[1]]
    assert ids(width={"gte": 640, "lte": 640}) == created[::-1]
    assert ids(height={"gte": 361}) == []
    assert ids(fps={"lte": 25}) == created[::-1]
    assert ids(duration={"gte": 1.5, "lte": 9}) == created[::-1]
    assert ids(size={"gte": 1_000_000_000}) == []
    assert ids(user_metadata={"n": 1}) == [created[0]]
    assert ids(user_metadata={"b": True}) == [created[1]]
    assert ids(user_metadata={"s": "x", "n": 2}) == []
    assert ids(created_at="2999-01-01T00:00:00Z") == []
    assert ids(updated_at="2020-01-01T00:00:00Z") == created[::-1]
    assert len(list(client.indexes.indexed_assets.list_by_asset(asset))) == 2
    with refused(BadRequestError, 400, "parameter_invalid"):
        ids(status=["done"])
    with refused(BadRequestError, 400, "parameter_invalid"):
        ids(created_at="yesterday")


def test_invalid_indexed_asset_is_refused(emulator, clips):
    create = emulator.client.indexes.indexed_assets.create
    index = emulator.index()
    asset = create_asset(emulator, clips / "good.mp4").id
    for arguments, kind, status, code in [
        ((index, UNKNOWN_ID), NotFoundError, 404, "resource_not_exist"),
        ((UNKNOWN_ID, asset), NotFoundError, 404, "resource_not_exist"),
        ((index, "clip"), BadRequestError, 400, "parameter_invalid"),
        (("clips", asset), BadRequestError, 400, "parameter_invalid"),
    ]:
        with refused(kind, status, code):
            create(arguments[0], asset_id=arguments[1])
    with running("--clock", "manual") as slow:
        with open(clips / "good.mp4", "rb") as file:
            fresh = slow.client.assets.create(method="direct", file=file).id
        with refused(BadRequestError, 400, "parameter_invalid"):
            slow.client.indexes.indexed_assets.create(slow.index(), asset_id=fresh)


def test_free_plan_limits_asset_uploads(emulator):
    emulator.control("PUT", "/plan", {"plan": "free"})
    # Stop the clock so that the minute does not end while requests are counted.
    emulator.control("PUT", "/clock", {"mode": "manual"})
    emulator.control("POST", "/clock/advance", {"seconds": 60})
    create = lambda: emulator.client.assets.create(method="url", url="http://127.0.0.1:9/a.mp4")
    for _ in range(60):
        create()
    with refused(ApiError, 429, "too_many_requests") as error:
        create()
    headers = error.value.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("60", "0")
    assert headers["x-ratelimit-request-remaining"] == "0"
    assert int(headers["x-ratelimit-request-reset"]) == int(headers["x-ratelimit-reset"])
    emulator.control("POST", "/clock/advance", {"seconds": 60})
    assert create().status == "processing"
