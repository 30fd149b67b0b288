"""The official Python client against the emulator: connections, imports and chat responses."""

import time
import urllib.parse

import httpx
from conftest import refused
from test_stores import add, video
from twelvelabs.core.api_error import ApiError
from twelvelabs.imports import ImportFilesRequestItemsItem as Item

BACK = "https://example.com/back"


def authorize(emulator, decision="allow"):
    """Authorizes a connection as a browser does. The client cannot: it takes `connections:` for the
    scheme of a URL."""
    body = {"provider": "google_drive", "redirect_uri": BACK, "custom_id": "team"}
    headers = {"x-api-key": emulator.api_key}
    url = f"{emulator.base_url}/connections:authorize"
    with httpx.Client(headers=headers, event_hooks={"response": [emulator.check_response]}) as client:
        started = client.post(url, json=body)
    assert started.status_code == 200
    shown = httpx.get(started.json()["authorize_url"])
    assert "Allow" in shown.text and "Deny" in shown.text
    sent = httpx.get(f"{started.json()['authorize_url']}&decision={decision}")
    assert sent.status_code == 302
    back = urllib.parse.urlsplit(sent.headers["location"])
    return dict(urllib.parse.parse_qsl(back.query))


def test_connections(emulator):
    connectors = emulator.client.data_connectors
    uri = connectors.create_redirect_uri(redirect_uri=BACK)
    assert [found.redirect_uri for found in connectors.list_redirect_uris().data] == [BACK]
    with refused(ApiError, 409, "redirect_uri_exists"):
        connectors.create_redirect_uri(redirect_uri=BACK)
    denied = authorize(emulator, "deny")
    assert denied == {"error": "access_denied"}
    assert connectors.list_connections().data == []
    back = authorize(emulator)
    assert (back["status"], back["custom_id"]) == ("ok", "team")
    connection = connectors.retrieve_connection(back["connection_id"])
    assert (connection.provider, connection.status, connection.custom_id) == ("google_drive", "active", "team")
    assert [found.id for found in connectors.list_connections().data] == [connection.id]
    token = connectors.create_connection_picker_token(connection.id)
    assert token.access_token and token.expires_in > 0
    # The token is a secret: the journal of requests does not contain it.
    assert token.access_token not in str(emulator.journal())
    assert connectors.delete_redirect_uri(uri.id) is None
    assert connectors.delete_connection(connection.id) is None
    with refused(ApiError, 404, "resource_not_exist"):
        connectors.retrieve_connection(connection.id)


def test_imports(emulator):
    connection = authorize(emulator)["connection_id"]
    imports = emulator.client.imports
    result = imports.import_files(connection, items=[Item(source_id="1a"), Item(source_id="missing-1")])
    assert [item.action for item in result.items] == ["created", "rejected"]
    assert result.has_failures and result.items[1].error.code == "source_unavailable"
    deadline = time.monotonic() + 30
    while imports.retrieve_import(connection, result.id).items[0].status != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asset = result.items[0].asset_id
    assert emulator.client.assets.retrieve(asset).id == asset
    again = imports.import_files(connection, items=[Item(source_id="1a")])
    assert (again.items[0].action, again.items[0].asset_id, again.has_failures) == ("skipped", asset, False)
    assert {found.id for found in imports.list_imports(connection).data} == {result.id, again.id}


def test_responses(emulator, clips):
    client = emulator.client
    store = client.knowledge_stores.create(name="matches").id
    item = add(client, store, video(client, clips))
    question = [{"type": "message", "role": "user", "content": "Who scored in {{sel:0}}?"}]
    selections = [{"kind": "item", "id": item}]
    first = client.responses.create(knowledge_store_id=store, input=question, selections=selections)
    assert first.status == "completed" and first.session_id
    message = first.output[-1]
    assert message.role == "assistant" and message.content[0].text
    again = [{"type": "message", "role": "user", "content": "When?"}]
    second = client.responses.create(
        knowledge_store_id=store,
        session_id=first.session_id,
        input=again,
    )
    assert second.session_id == first.session_id and second.id != first.id
    with refused(ApiError, 404, "resource_not_exist"):
        client.responses.create(knowledge_store_id="ks_018bcfe5-6800-7000-8000-000000000001", input=again)
