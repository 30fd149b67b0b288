"""The official Python client against the emulator: search by text, image and entity, and its pages."""

import json
import time

import pytest
from conftest import refused
from test_entities import image, png
from twelvelabs.errors import BadRequestError


def seed(emulator, **indexes):
    """Creates indexes with videos of 13 seconds, which have three parts each. Returns the ids."""
    video = {"duration": 13, "width": 640, "height": 360, "fps": 25, "size": 1000}
    body = [
        {"index_name": name, "videos": [{"filename": f"{title}.mp4", **video} for title in titles]}
        for name, titles in indexes.items()
    ]
    return emulator.control("POST", "/seed", {"indexes": body})["indexes"]


def videos(emulator, index):
    return {video.system_metadata.filename: video.id for video in emulator.client.indexes.videos.list(index)}


def test_text(emulator):
    [index] = seed(emulator, clips=["soccer goal", "soccer match", "cooking"])
    ids = videos(emulator, index)
    first = emulator.client.search.query(index_id=index, search_options=["visual", "audio"], query_text="soccer goal")
    found = list(first)
    assert [(hit.video_id, hit.start, hit.rank) for hit in found[:3]] == [(ids["soccer goal.mp4"], start, 1 + n) for n, start in enumerate([0, 6, 12])]
    assert {hit.video_id for hit in found[3:]} == {ids["soccer match.mp4"]}
    # The client parses the bodies of errors with a status only.
    assert list(emulator.client.search.query(index_id=index, search_options=["visual"], query_text="quarterly results")) == []


def test_pages(emulator):
    [index] = seed(emulator, clips=["soccer one", "soccer two"])
    query = {"index_id": index, "search_options": ["visual"], "query_text": "soccer", "page_limit": 2}
    pager = emulator.client.search.query(**query, include_user_metadata=True)
    everything = list(pager)
    assert [hit.rank for hit in everything] == [1, 2, 3, 4, 5, 6]
    raw = emulator.client.search.create(**query)
    assert (raw.search_pool.total_count, raw.page_info.limit_per_page) == (2, 2)
    page = emulator.client.search.retrieve(raw.page_info.next_page_token, include_user_metadata=True)
    assert [hit.rank for hit in page.data] == [3, 4]
    emulator.control("POST", "/clock/advance", {"seconds": 16 * 60})
    with refused(BadRequestError, 400, "search_page_token_expired"):
        emulator.client.search.retrieve(raw.page_info.next_page_token)
    with refused(BadRequestError, 400, "parameter_invalid"):
        emulator.client.search.retrieve("forged")


def test_groups_filters_and_operators(emulator):
    [index] = seed(emulator, clips=["soccer one", "tennis two"])
    ids = videos(emulator, index)
    query = {"index_id": index, "search_options": ["visual"], "query_text": "soccer tennis one two", "group_by": "video"}
    groups = list(emulator.client.search.query(**query))
    assert {group.id for group in groups} == set(ids.values())
    assert all(len(group.clips) == 3 and group.video_id is None for group in groups)
    for wanted, names in [
        ({"filename": "tennis two.mp4"}, ["tennis two.mp4"]),
        ({"id": [ids["soccer one.mp4"]]}, ["soccer one.mp4"]),
        ({"duration": {"gte": 14}}, []),
        ({"duration": {"gte": 13, "lte": 13}, "width": 640}, ["soccer one.mp4", "tennis two.mp4"]),
    ]:
        found = emulator.client.search.query(**query, filter=json.dumps(wanted))
        assert sorted(name for name, id in ids.items() if id in {group.id for group in found}) == names
    query["search_options"] = ["visual", "transcription"]
    assert list(emulator.client.search.query(**query, operator="and", transcription_options=["lexical"])) == []


def test_images_and_entities(emulator):
    [index] = seed(emulator, clips=["Ada speaks", "cooking"])
    ids = videos(emulator, index)
    query = {"index_id": index, "search_options": ["visual"]}
    picture = ("cooking.png", png(), "image/png")
    found = list(emulator.client.search.query(**query, query_media_type="image", query_media_file=picture))
    assert {hit.video_id for hit in found} == {ids["cooking.mp4"]}
    several = [picture, ("cooking again.png", png(), "image/png")]
    found = list(emulator.client.search.query(**query, query_media_type="image", query_media_files=several, query_text="cooking"))
    assert found[0].video_id == ids["cooking.mp4"]
    url = "https://example.com/cooking.jpg"
    found = list(emulator.client.search.query(**query, query_media_type="image", query_media_url=url))
    assert found[0].video_id == ids["cooking.mp4"]
    with refused(BadRequestError, 400, "parameter_invalid"):
        list(emulator.client.search.query(**query, query_media_type="image", query_media_file=("a.png", png(64), "image/png")))
    collections = emulator.client.entity_collections
    people = collections.create(name="people").id
    ada = collections.entities.create(people, name="Ada", asset_ids=[image(emulator.client)]).id
    while collections.entities.retrieve(people, ada).status == "processing":
        time.sleep(0.05)
    found = list(emulator.client.search.query(**query, query_text=f"<@{ada}> speaks"))
    assert {hit.video_id for hit in found} == {ids["Ada speaks.mp4"]}


@pytest.mark.parametrize(
    "change, code",
    [
        ({"index_id": "aaaaaaaaaaaaaaaaaaaaaaaa"}, "resource_not_exist"),
        ({"filter": "["}, "search_filter_invalid"),
        ({"page_limit": 51}, "parameter_invalid"),
        ({"query_text": "<@aaaaaaaaaaaaaaaaaaaaaaaa>"}, "parameter_invalid"),
        ({"transcription_options": ["lexical"]}, "parameter_invalid"),
    ],
)
def test_refusals(emulator, change, code):
    [index] = seed(emulator, clips=["soccer"])
    with refused(BadRequestError, 400, code):
        list(emulator.client.search.query(**{"index_id": index, "search_options": ["visual"], "query_text": "a", **change}))


def test_options_of_the_index(emulator):
    index = emulator.index(options=["visual"])
    with refused(BadRequestError, 400, "search_option_not_supported"):
        list(emulator.client.search.query(index_id=index, search_options=["audio"], query_text="a"))
