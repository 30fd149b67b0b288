"""Assets, uploads in chunks and indexed assets, by the official client."""

import hashlib
import pathlib
import subprocess
import tempfile
import time

import pytest
from conftest import running
from twelvelabs.errors import BadRequestError, ConflictError, NotFoundError


@pytest.fixture(scope="module")
def large():
    """A clip of several chunks: noise, which nothing makes small."""
    with tempfile.TemporaryDirectory(prefix="tl-emulator-python-") as folder:
        path = pathlib.Path(folder) / "large.mp4"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin"]
            + ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=6", "-vf", "noise=alls=60:allf=t"]
            + ["-c:v", "mpeg4", "-q:v", "2", str(path)],
            check=True,
        )
        assert path.stat().st_size > 12 << 20
        yield path


def wait_for(read, status="ready"):
    for _ in range(200):
        found = read()
        if found.status in ("ready", "failed"):
            assert found.status == status
            return found
        time.sleep(0.05)
    raise AssertionError("it never ended")


def test_a_file_becomes_an_asset_and_a_video(emulator, clips):
    client = emulator.client
    with open(clips / "good.mp4", "rb") as file:
        made = client.assets.create(method="direct", file=file, user_metadata='{"a": 1}')
    assert (made.status, made.method) == ("processing", "direct")
    asset = wait_for(lambda: client.assets.retrieve(made.id))
    assert (asset.filename, asset.size) == ("good.mp4", (clips / "good.mp4").stat().st_size)
    assert asset.technical_metadata.video_width == 640
    assert asset.technical_metadata.has_audio is True
    assert [item.id for item in client.assets.list(asset_types=["video"], filename="GOOD")] == [made.id]

    client.assets.update_user_metadata(made.id, user_metadata={"b": "x"})
    assert client.assets.retrieve(made.id).user_metadata == {"a": 1, "b": "x"}
    client.assets.replace_user_metadata(made.id, user_metadata={"c": True})
    assert client.assets.retrieve(made.id).user_metadata == {"c": True}
    client.assets.delete_user_metadata(made.id)
    assert client.assets.retrieve(made.id).user_metadata is None

    index = emulator.index()
    indexed = client.indexes.indexed_assets.create(index, asset_id=made.id)
    assert indexed.asset_id == made.id
    wait_for(lambda: client.indexes.indexed_assets.retrieve(index, indexed.id))
    assert client.indexes.videos.retrieve(index, indexed.id).system_metadata.width == 640
    found = client.indexes.indexed_assets.list(index, status=["ready"], filename="good.mp4")
    assert [item.id for item in found] == [indexed.id]
    client.indexes.indexed_assets.update(index, indexed.id, user_metadata={"k": "v"})
    assert client.indexes.indexed_assets.retrieve(index, indexed.id).user_metadata == {"k": "v"}

    assert [item.id for item in client.indexes.indexed_assets.list_by_asset(made.id)] == [indexed.id]
    assert list(client.entity_collections.entities.list_by_asset(made.id)) == []
    with pytest.raises(ConflictError):
        client.assets.delete(made.id)
    client.indexes.indexed_assets.delete(index, indexed.id)
    client.assets.delete(made.id)
    with pytest.raises(NotFoundError):
        client.assets.retrieve(made.id)


def test_a_bad_file_fails_later(emulator, clips):
    with open(clips / "text.mp4", "rb") as file:
        made = emulator.client.assets.create(method="direct", file=file)
    failed = wait_for(lambda: emulator.client.assets.retrieve(made.id), "failed")
    assert "could not read" in failed.error.message
    index = emulator.index()
    with pytest.raises(BadRequestError):
        emulator.client.indexes.indexed_assets.create(index, asset_id=made.id)


def test_the_helper_uploads_in_chunks(large):
    with tempfile.TemporaryDirectory() as folder, running("--state", folder) as emulator:
        client = emulator.client
        result = client.multipart_upload.upload_file(str(large), filename="large.mp4")
        puts = emulator.journal(operation="storage.put")
        upload_id = puts[0]["chunk"]["upload_id"]
        chunks = list(client.multipart_upload.get_status(upload_id))
        assert len(chunks) == -(-large.stat().st_size // (5 << 20))
        asset = wait_for(lambda: client.assets.retrieve(result.asset_id))
        assert (asset.method, asset.size) == ("multipart", large.stat().st_size)
        assert list(client.multipart_upload.list_incomplete_uploads()) == []
        (stored,) = (pathlib.Path(folder) / "media").iterdir()
        digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (stored, large)}
        assert len(digests) == 1
        assert [put["chunk"]["accepted"] for put in puts] == [True] * len(puts)


def test_the_helper_is_found_out_where_the_session_asks_for_more(large):
    with running("--quirk", "upload-headers=extra") as emulator:
        with pytest.raises(Exception):
            emulator.client.multipart_upload.upload_file(str(large), max_retries=1, retry_delay=0.01)
        refused = emulator.journal(operation="storage.put")
        assert {put["code"] for put in refused} == {"SignatureDoesNotMatch"}
