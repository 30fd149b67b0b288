"""What the pytest plugin promises, with the standard library as the client."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest

import twelvelabs_cli


def call(method, path, body=None):
    request = urllib.request.Request(
        os.environ["TWELVELABS_BASE_URL"] + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "x-api-key": os.environ["TWELVE_LABS_API_KEY"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read() or "null")


def create_index(name):
    models = [{"model_name": "marengo3.0", "model_options": ["visual"]}]
    return call("POST", "/indexes", {"index_name": name, "models": models})["_id"]


def test_clients_read_the_environment(tl_client_env):
    assert tl_client_env["TWELVELABS_BASE_URL"].startswith("http://127.0.0.1:")
    create_index("films")
    assert len(call("GET", "/indexes")["data"]) == 1


def test_each_test_starts_without_data(tl_client_env, tl_emulator):
    assert call("GET", "/indexes")["data"] == []
    assert [entry["operation"] for entry in tl_emulator.journal()] == ["indexes.list"]


def test_faults_are_injected_and_removed(tl_client_env, tl_emulator, tl_faults):
    tl_faults.add("indexes.list nth=1 status=503")
    with pytest.raises(urllib.error.HTTPError) as refused:
        call("GET", "/indexes")
    assert refused.value.code == 503
    assert len(tl_faults.injected()) == 1
    tl_emulator.reset()
    assert call("GET", "/indexes")["data"] == []


def test_the_clock_moves_on_request(tl_client_env, tl_clock):
    tl_clock.set("manual")
    before = tl_clock.now()
    assert tl_clock.now() == before
    tl_clock.advance(3600)
    assert tl_clock.now() > before
    tl_clock.advance(until="idle")


def test_the_command_uses_the_emulator(tl_client_env):
    tl = twelvelabs_cli.find_program()
    listed = subprocess.run([tl, "--json", "index", "list"], capture_output=True, check=True)
    assert json.loads(listed.stdout) == []


def test_a_bad_option_is_an_error_with_its_reason():
    with pytest.raises(twelvelabs_cli.EmulatorError, match="--plan"):
        twelvelabs_cli.Emulator(["--plan", "none-such"])
