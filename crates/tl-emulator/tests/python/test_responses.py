"""The official Python client against the emulator: chat responses as a stream of events."""

import json
import shutil

import pytest
from conftest import refused, running
from test_stores import add
from test_stores import video as upload
from twelvelabs.core.api_error import ApiError

UNKNOWN = "ks_018bcfe5-6800-7000-8000-000000000001"
SIDECAR = {
    "segments": [
        {"start": 0, "end": 2, "labels": ["kickoff"], "text": "The game begins."},
        {"start": 2, "end": 5, "labels": ["scored"], "text": "Ada scored early in the game, né?"},
    ]
}


@pytest.fixture
def store(clips, tmp_path):
    shutil.copy(clips / "good.mp4", tmp_path)
    (tmp_path / "good.mp4.tl.json").write_text(json.dumps(SIDECAR))
    with running("--pace", "instant", "--answers", str(tmp_path)) as emulator:
        client = emulator.client
        id = client.knowledge_stores.create(name="matches").id
        item = add(client, id, upload(client, clips))
        yield emulator, id, item


def question(text):
    return [{"type": "message", "role": "user", "content": text}]


def test_events(store):
    emulator, id, item = store
    selections = [{"kind": "item", "id": item}]
    whole = emulator.client.responses.create(knowledge_store_id=id, input=question("Who scored in {{sel:0}}?"), selections=selections)
    events = list(
        emulator.client.responses.create_stream(knowledge_store_id=id, input=question("Who scored in {{sel:0}}?"), selections=selections)
    )
    kinds = [event.type for event in events]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert kinds.index("response.output_item.added") < kinds.index("response.content_part.added") < kinds.index("response.output_text.delta")
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    [done] = [event for event in events if event.type == "response.output_text.done"]
    assert text == done.text and "Ada scored" in text
    final = events[-1].response
    assert (final.status, final.output[-1].role) == ("completed", "assistant")
    assert final.output[-1].content[0].text == text == whole.output[-1].content[0].text
    citations = final.output[-1].content[0].annotations
    assert citations and {citation.item_id for citation in citations} == {item}
    for citation in citations:
        # Code points, and the end is part of the citation.
        assert text[citation.start_index] == "[" and text[citation.end_index] == "]"
        assert 0 <= citation.start_sec < citation.end_sec <= 5.1


def test_sessions(store):
    emulator, id, _ = store
    create = emulator.client.responses.create_stream
    first = list(create(knowledge_store_id=id, input=question("Who scored?")))[-1].response
    second = list(create(knowledge_store_id=id, input=question("When?"), session_id=first.session_id))[-1].response
    assert second.session_id == first.session_id and second.id != first.id
    other = emulator.client.knowledge_stores.create(name="others").id
    with refused(ApiError, 400, "parameter_invalid"):
        list(create(knowledge_store_id=other, input=question("When?"), session_id=first.session_id))
    with refused(ApiError, 404, "resource_not_exist"):
        list(create(knowledge_store_id=UNKNOWN, input=question("When?")))


def test_loss_of_an_interrupted_stream(store):
    """A stream that ends early looks complete to the client: nothing says that the answer is cut."""
    emulator, id, _ = store
    emulator.control("PUT", "/faults", {"faults": [{"operation": "responses.create", "omit_end": True}]})
    events = list(emulator.client.responses.create_stream(knowledge_store_id=id, input=question("Who scored?")))
    assert "response.completed" not in [event.type for event in events]
