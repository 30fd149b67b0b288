"""The official Python client against the emulator: every operation of knowledge stores."""

import time

import pytest
from conftest import refused
from test_entities import image
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, GoneError, NotFoundError
from twelvelabs.types import KnowledgeStoreSearchQuery


def video(client, clips):
    with open(clips / "good.mp4", "rb") as file:
        asset = client.assets.create(method="direct", file=file, filename="final match.mp4").id
    while client.assets.retrieve(asset).status == "processing":
        time.sleep(0.05)
    assert client.assets.retrieve(asset).status == "ready"
    return asset


def add(client, store, asset, **more):
    """Adds an asset to a store and waits until it is ready."""
    item = client.knowledge_store_items.create(store, asset_id=asset, **more).id
    while client.knowledge_store_items.retrieve(store, item).status != "ready":
        time.sleep(0.05)
    return item


@pytest.fixture
def store(emulator):
    return emulator.client.knowledge_stores.create(name="matches").id


def test_stores(emulator):
    stores = emulator.client.knowledge_stores
    schema = {"type": "object", "properties": {"goals": {"type": "integer", "description": "the number of goals"}}}
    config = {"enrichment_config": {"type": "json_schema", "json_schema": schema}}
    metadata = {"season": 2026, "final": True, "teams": ["red", "blue"]}
    created = stores.create(name="matches", description="of the club", ingestion_config=config, metadata=metadata)
    assert created.id.startswith("ks_") and created.item_count == 0
    assert (created.name, created.description, created.metadata) == ("matches", "of the club", metadata)
    assert created.ingestion_config.enrichment_config.json_schema.properties == schema["properties"]
    assert stores.retrieve(created.id).created_at == created.created_at
    updated = stores.update(created.id, name="games", metadata={})
    assert (updated.name, updated.description, updated.metadata) == ("games", "of the club", {})
    other = stores.create(name="others", ingestion_config={"enrichment_config": {"type": "description", "description": "who plays"}})
    assert other.ingestion_config.enrichment_config.description == "who plays"
    assert [store.id for store in stores.list(sort_option="asc")] == [created.id, other.id]
    assert stores.delete(created.id) is None
    assert [store.id for store in stores.list()] == [other.id]
    with refused(ApiError, 404, "resource_not_exist"):
        stores.retrieve(created.id)


def test_schema_outside_of_the_subset_is_unprocessable(emulator):
    schema = {"type": "object", "properties": {"name": {"type": "string", "description": "a", "minLength": 1}}}
    config = {"enrichment_config": {"type": "json_schema", "json_schema": schema}}
    with refused(ApiError, 422, "parameter_invalid") as error:
        emulator.client.knowledge_stores.create(name="matches", ingestion_config=config)
    assert "minLength" in error.value.body["message"]


def test_items(emulator, clips, store):
    client, items = emulator.client, emulator.client.knowledge_store_items
    clip, face = video(client, clips), image(client)
    created = items.create(store, asset_id=clip, asset_type="video", metadata={"team": "red"})
    assert (created.status, created.asset_type, created.asset_id) == ("queued", "video", clip)
    while items.retrieve(store, created.id).status != "ready":
        time.sleep(0.05)
    system = items.retrieve(store, created.id).system_metadata
    assert (system.asset_type, system.filename, system.width, system.height) == ("video", "final match.mp4", 640, 360)
    assert 4.9 < system.duration < 5.1 and system.codec_name == "mpeg4" and system.fps == 25
    face = add(client, store, face)
    assert items.retrieve(store, face).system_metadata.asset_type == "image"
    assert [item.id for item in items.list(store, status=["ready"], sort_option="asc")] == [created.id, face]
    assert client.knowledge_stores.retrieve(store).item_count == 2
    with refused(BadRequestError, 400, "parameter_invalid"):
        items.create(store, asset_id=clip, asset_type="image")
    assert items.delete(store, face) is None
    assert [item.id for item in items.list(store)] == [created.id]
    assert client.assets.retrieve(clip).status == "ready"


def test_collections(emulator, store):
    client, collections = emulator.client, emulator.client.knowledge_store_item_collections
    first, second = add(client, store, image(client)), add(client, store, image(client))
    created = collections.create(store, name="finals", description="won", metadata={"year": "2026"})
    assert (created.knowledge_store_id, created.member_count, created.metadata) == (store, 0, {"year": "2026"})
    assert collections.add_items(store, created.id, item_ids=[first, second, first]).member_count == 2
    assert collections.remove_items(store, created.id, item_ids=[first]) is None
    assert [item.id for item in collections.list_items(store, created.id)] == [second]
    assert collections.retrieve(store, created.id).member_count == 1
    assert collections.update(store, created.id, name="semifinals").name == "semifinals"
    other = collections.create(store, name="finals")
    assert [found.name for found in collections.list(store, sort_by="name", sort_option="asc")] == ["finals", "semifinals"]
    with refused(BadRequestError, 400, "parameter_invalid"):
        collections.create(store, name="finals")
    with refused(BadRequestError, 400, "parameter_invalid"):
        collections.add_items(store, created.id, item_ids=["ksi_018bcfe5-6800-7000-8000-000000000001"])
    assert collections.delete(store, other.id) is None
    assert [found.id for found in collections.list(store)] == [created.id]


def test_search(emulator, clips, store):
    client, search = emulator.client, emulator.client.knowledge_stores.search
    clip = add(client, store, video(client, clips), metadata={"team": "red"})
    face = add(client, store, image(client), metadata={"team": "blue"})
    query = KnowledgeStoreSearchQuery(text="the red match")
    hits = search(store, query=query, search_options={"video": {"modalities": ["visual", "audio"]}}, include_metadata=True)
    assert (hits.data[0].item_id, hits.data[0].rank, hits.data[0].asset_type) == (clip, 1, "video")
    match = hits.data[0].matches[0]
    assert 0 <= match.start_sec < match.end_sec <= 5.1 and set(match.modalities) <= {"visual", "audio"}
    assert (hits.data[0].metadata.user, hits.data[0].metadata.system.width) == ({"team": "red"}, 640)
    assert hits.effective_search_options.video.modalities == ["visual", "audio"]
    images = search(store, query=query, filter={"asset_type": {"eq": "image"}})
    assert [hit.item_id for hit in images.data] == [face]
    grouped = search(store, query=query, group_by="item", page_size=1)
    rest = search(store, query=query, page_token=grouped.next_page_token)
    assert [hit.item_id for hit in grouped.data + rest.data] == [clip, face]
    assert rest.next_page_token is None and rest.data[0].rank == 2
    with refused(BadRequestError, 400, "parameter_invalid"):
        search(store, query=query, page_token="0000")
    with refused(BadRequestError, 400, "parameter_invalid"):
        search(store, query=query, filter={"asset_type": {"eq": "image"}}, search_options={"video": {"modalities": ["visual"]}})
    with refused(NotFoundError, 404, "resource_not_exist"):
        search("ks_018bcfe5-6800-7000-8000-000000000001", query=query)
    emulator.control("POST", "/clock/advance", {"seconds": 900})
    with refused(GoneError, 410, "page_token_expired"):
        search(store, query=query, page_token=grouped.next_page_token)
