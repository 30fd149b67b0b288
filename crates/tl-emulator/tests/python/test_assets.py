"""Assets, their metadata, and assets within an index, by the official client."""

import time

import pytest
from conftest import refused, running
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, ConflictError, NotFoundError

NOBODY = "aaaaaaaaaaaaaaaaaaaaaaaa"


def wait_for(read, status="ready"):
    for _ in range(400):
        found = read()
        if found.status in ("ready", "failed"):
            assert found.status == status
            return found
        time.sleep(0.05)
    raise AssertionError("it never ended")


def make(emulator, path, **more):
    with open(path, "rb") as file:
        made = emulator.client.assets.create(method="direct", file=file, **more)
    return wait_for(lambda: emulator.client.assets.retrieve(made.id))


def into(emulator, index, asset, **more):
    client = emulator.client.indexes.indexed_assets
    made = client.create(index, asset_id=asset, **more)
    return wait_for(lambda: client.retrieve(index, made.id))


# Assets


def test_a_file_becomes_an_asset(emulator, clips):
    client = emulator.client
    with open(clips / "good.mp4", "rb") as file:
        made = client.assets.create(method="direct", file=file, user_metadata='{"a": 1}')
    assert (made.status, made.method, made.filename) == ("processing", "direct", "good.mp4")
    assert len(made.id) == 24 and made.file_type == "video/mp4"
    asset = wait_for(lambda: client.assets.retrieve(made.id))
    assert (asset.filename, asset.size) == ("good.mp4", (clips / "good.mp4").stat().st_size)
    assert 4.9 < asset.duration < 5.2
    technical = asset.technical_metadata
    assert (technical.video_width, technical.video_height, technical.has_audio) == (640, 360, True)
    assert (technical.video_streams[0].codec, technical.audio_streams[0].codec) == ("mpeg4", "aac")
    assert asset.created_at == made.created_at
    assert asset.user_metadata == {"a": 1}


def test_a_url_becomes_an_asset(emulator, site):
    made = emulator.client.assets.create(method="url", url=f"{site}/good.mp4", filename="renamed.mp4")
    assert (made.status, made.method) == ("processing", "url")
    asset = wait_for(lambda: emulator.client.assets.retrieve(made.id))
    assert (asset.filename, asset.technical_metadata.video_width) == ("renamed.mp4", 640)


def test_a_bad_file_or_url_fails_later_with_its_reason(emulator, clips, site):
    with open(clips / "text.mp4", "rb") as file:
        made = emulator.client.assets.create(method="direct", file=file)
    failed = wait_for(lambda: emulator.client.assets.retrieve(made.id), "failed")
    assert "could not read" in failed.error.message
    gone = emulator.client.assets.create(method="url", url=f"{site}/none.mp4")
    failed = wait_for(lambda: emulator.client.assets.retrieve(gone.id), "failed")
    assert "404" in failed.error.message and failed.size is None
    index = emulator.index()
    with refused(BadRequestError, 400, "parameter_invalid"):
        emulator.client.indexes.indexed_assets.create(index, asset_id=made.id)


def test_an_address_of_this_machine_is_not_fetched_unless_it_is_allowed(site):
    with running() as emulator:
        made = emulator.client.assets.create(method="url", url=f"{site}/good.mp4")
        failed = wait_for(lambda: emulator.client.assets.retrieve(made.id), "failed")
        assert "127.0.0.1" in failed.error.message or "private" in failed.error.message


def test_assets_are_listed_filtered_and_paged(emulator, clips):
    client = emulator.client
    made = [make(emulator, clips / "good.mp4", filename=name).id for name in ("Alpha.mp4", "beta.MOV", "gamma.mp4")]
    ids = lambda **wanted: [asset.id for asset in client.assets.list(**wanted)]
    assert ids() == made[::-1]
    assert ids(page_limit=1) == made[::-1]
    assert ids(page=2, page_limit=2) == [made[0]]
    assert ids(page=9) == []
    assert ids(asset_ids=made[1:]) == made[:0:-1]
    assert ids(asset_ids=[NOBODY]) == []
    assert ids(asset_types=["video"]) == made[::-1]
    assert ids(asset_types=["image", "audio", "document"]) == []
    assert ids(filename="ALPHA") == [made[0]]
    assert ids(filename="mp4") == [made[2], made[0]]
    pager = client.assets.list(page_limit=2)
    assert len(pager.items) == 2 and pager.has_next
    listed = client.assets.list(filename="gamma").items[0]
    assert listed == client.assets.retrieve(made[2])


@pytest.mark.parametrize(
    "wanted",
    [{"page": 0}, {"page_limit": 51}, {"asset_ids": ["x"]}, {"asset_types": ["song"]}],
)
def test_a_wrong_list_of_assets_is_refused(emulator, wanted):
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
def test_a_wrong_asset_is_refused(emulator, arguments, code):
    with refused(BadRequestError, 400, code):
        emulator.client.assets.create(**arguments)
    assert list(emulator.client.assets.list()) == []


def test_an_unknown_asset_is_not_found(emulator):
    assets = emulator.client.assets
    for call in [
        lambda: assets.retrieve(NOBODY),
        lambda: assets.update_user_metadata(NOBODY, user_metadata={}),
        lambda: assets.replace_user_metadata(NOBODY, user_metadata={}),
        lambda: assets.delete_user_metadata(NOBODY),
        lambda: assets.retrieve_transcription(NOBODY),
    ]:
        with refused(NotFoundError, 404, "resource_not_exist"):
            call()
    with refused(ApiError, 404, "resource_not_exist"):
        assets.delete(NOBODY)
    with refused(BadRequestError, 400, "parameter_invalid"):
        assets.retrieve("clip")


def test_metadata_is_merged_replaced_and_cleared(emulator, clips):
    assets = emulator.client.assets
    asset = make(emulator, clips / "good.mp4", user_metadata='{"a": 1, "empty": "", "none": []}').id
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


def test_an_asset_that_was_indexed_is_deleted_by_force_only(emulator, clips):
    client = emulator.client
    asset = make(emulator, clips / "good.mp4").id
    index = emulator.index()
    indexed = into(emulator, index, asset).id
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
    other = make(emulator, clips / "good.mp4").id
    again = into(emulator, index, other).id
    client.indexes.indexed_assets.delete(index, again)
    assert client.assets.delete(other) is None


def test_nothing_is_transcribed(emulator, clips):
    asset = make(emulator, clips / "good.mp4").id
    with refused(NotFoundError, 404, "not_found"):
        emulator.client.assets.retrieve_transcription(asset)
    with refused(NotFoundError, 404, "not_found"):
        emulator.client.assets.retrieve_transcription(asset, include=["words", "utterances"])


# Assets within an index


def test_an_asset_is_indexed_changed_and_deleted(emulator, clips):
    client = emulator.client
    asset = make(emulator, clips / "good.mp4").id
    index = emulator.index()
    made = client.indexes.indexed_assets.create(index, asset_id=asset, user_metadata={"k": 1}, enable_video_stream=False)
    assert (made.asset_id, len(made.id)) == (asset, 24)
    entry = emulator.journal(operation="indexes.indexed_assets.create")[0]
    assert entry["status"] == 202
    found = wait_for(lambda: client.indexes.indexed_assets.retrieve(index, made.id))
    assert (found.id, found.asset_id, found.user_metadata) == (made.id, asset, {"k": 1})
    assert found.system_metadata.filename == "good.mp4"
    assert (found.system_metadata.width, found.system_metadata.height, found.system_metadata.fps) == (640, 360, 25)
    assert found.created_at <= found.indexed_at
    video = client.indexes.videos.retrieve(index, made.id)
    assert video.asset_id == asset
    assert (video.id, video.system_metadata.size) == (made.id, found.system_metadata.size)
    assert client.indexes.retrieve(index).video_count == 1
    assert client.indexes.indexed_assets.update(index, made.id, user_metadata={"k": None, "l": "v"}) is None
    assert client.indexes.indexed_assets.retrieve(index, made.id).user_metadata == {"l": "v"}
    assert client.indexes.indexed_assets.delete(index, made.id) is None
    with refused(NotFoundError, 404, "not_found"):
        client.indexes.indexed_assets.retrieve(index, made.id)
    with refused(NotFoundError, 404, "not_found"):
        client.indexes.videos.retrieve(index, made.id)


def test_indexed_assets_are_listed_and_filtered(emulator, clips):
    client = emulator.client
    index, other = emulator.index(), emulator.index("other")
    asset = make(emulator, clips / "good.mp4", filename="first.mp4").id
    second = make(emulator, clips / "good.mp4", filename="second.mp4").id
    made = [
        into(emulator, index, asset, user_metadata={"n": 1, "s": "x"}).id,
        into(emulator, index, second, user_metadata={"n": 2, "b": True}).id,
    ]
    into(emulator, other, asset)
    ids = lambda **wanted: [item.id for item in client.indexes.indexed_assets.list(index, **wanted)]
    assert ids() == made[::-1]
    assert ids(sort_option="asc", page_limit=1) == made
    assert ids(sort_by="updated_at", sort_option="desc") == made[::-1]
    assert ids(status=["ready"]) == made[::-1]
    assert ids(status=["pending", "queued", "indexing", "failed"]) == []
    assert ids(filename="second.mp4") == [made[1]]
    assert ids(width={"gte": 640, "lte": 640}) == made[::-1]
    assert ids(height={"gte": 361}) == []
    assert ids(fps={"lte": 25}) == made[::-1]
    assert ids(duration={"gte": 1.5, "lte": 9}) == made[::-1]
    assert ids(size={"gte": 1_000_000_000}) == []
    assert ids(user_metadata={"n": 1}) == [made[0]]
    assert ids(user_metadata={"b": True}) == [made[1]]
    assert ids(user_metadata={"s": "x", "n": 2}) == []
    assert ids(created_at="2999-01-01T00:00:00Z") == []
    assert ids(updated_at="2020-01-01T00:00:00Z") == made[::-1]
    assert len(list(client.indexes.indexed_assets.list_by_asset(asset))) == 2
    with refused(BadRequestError, 400, "parameter_invalid"):
        ids(status=["done"])
    with refused(BadRequestError, 400, "parameter_invalid"):
        ids(created_at="yesterday")


def test_a_wrong_indexed_asset_is_refused(emulator, clips):
    create = emulator.client.indexes.indexed_assets.create
    index = emulator.index()
    asset = make(emulator, clips / "good.mp4").id
    for arguments, kind, status, code in [
        ((index, NOBODY), NotFoundError, 404, "resource_not_exist"),
        ((NOBODY, asset), NotFoundError, 404, "resource_not_exist"),
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


def test_the_free_plan_counts_requests_that_upload(emulator):
    emulator.control("PUT", "/plan", {"plan": "free"})
    # The minute must not end while the requests are counted.
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
