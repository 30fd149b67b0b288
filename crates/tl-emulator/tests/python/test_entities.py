"""The official Python client against the emulator: every operation of entities."""

import struct
import time
import zlib

import pytest
from conftest import refused
from twelvelabs.errors import BadRequestError


def png(size=128):
    """A gray image."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * size) * size)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def image(client):
    asset = client.assets.create(method="direct", file=("face.png", png(), "image/png")).id
    while client.assets.retrieve(asset).status == "processing":
        time.sleep(0.05)
    assert client.assets.retrieve(asset).status == "ready"
    return asset


@pytest.fixture
def people(emulator):
    return emulator.client.entity_collections.create(name="people", description="of the club").id


def test_collections(emulator):
    collections = emulator.client.entity_collections
    created = collections.create(name="people", description="of the club")
    assert (created.name, created.description) == ("people", "of the club")
    assert collections.retrieve(created.id).created_at == created.created_at
    updated = collections.update(created.id, name="players")
    assert (updated.name, updated.description) == ("players", "of the club")
    other = collections.create(name="others")
    listed = [collection.name for collection in collections.list(sort_by="name", sort_option="asc")]
    assert listed == ["others", "players"]
    assert [collection.id for collection in collections.list(name="others")] == [other.id]
    assert collections.delete(created.id) is None
    assert [collection.id for collection in collections.list()] == [other.id]


def test_entities(emulator, people):
    client, entities = emulator.client, emulator.client.entity_collections.entities
    first, second = image(client), image(client)
    created = entities.create(people, name="Ada", asset_ids=[first], metadata={"team": 7, "active": True})
    assert (created.name, created.asset_ids, created.entity_collection_id) == ("Ada", [first], people)
    while entities.retrieve(people, created.id).status == "processing":
        time.sleep(0.05)
    assert [entity.id for entity in entities.list(people, status="ready")] == [created.id]
    assert [entity.id for entity in entities.list_by_asset(first)] == [created.id]
    updated = entities.update(people, created.id, description="keeper", metadata={"team": 8})
    assert (updated.name, updated.description, updated.metadata["team"]) == ("Ada", "keeper", 8)
    assert "active" not in updated.metadata
    assert entities.create_assets(people, created.id, asset_ids=[second]).asset_ids == [first, second]
    assert entities.delete_assets(people, created.id, asset_ids=[first]).asset_ids == [second]
    with refused(BadRequestError, 400, "parameter_invalid"):
        entities.delete_assets(people, created.id, asset_ids=[second])
    assert entities.delete(people, created.id) is None
    assert list(entities.list(people)) == []


def test_bulk_reports_what_failed(emulator, people):
    asset = image(emulator.client)
    result = emulator.client.entity_collections.entities.create_bulk(
        people,
        entities=[
            {"name": "Ada", "asset_ids": [asset]},
            {"name": "Eve", "asset_ids": ["aaaaaaaaaaaaaaaaaaaaaaaa"]},
        ],
    )
    assert (result.success_count, result.failed_count) == (1, 1)
    assert result.entities[0].name == "Ada"
    assert (result.errors[0].entity_index, result.errors[0].entity_name) == (1, "Eve")
