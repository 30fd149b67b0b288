"""Multipart uploads with the official client: its upload helper, and each operation individually."""

import hashlib
import pathlib
import tempfile

import httpx
import pytest
from conftest import refused, running
from programs import create_clip
from test_assets import wait_for
from twelvelabs.errors import BadRequestError, NotFoundError

CHUNK = 100_000
UNKNOWN_ID = "aaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def large():
    """A clip that spans several chunks."""
    with tempfile.TemporaryDirectory(prefix="tl-emulator-python-") as folder:
        path = pathlib.Path(folder) / "large.mp4"
        create_clip(path, "1280x720", 6)
        assert path.stat().st_size > 3 * CHUNK
        yield path


@pytest.fixture
def chunked():
    with running("--chunk-size", str(CHUNK)) as emulator:
        yield emulator


def put(url, headers, data):
    response = httpx.put(url, content=data, headers=headers)
    assert response.status_code == 200
    return response.headers["etag"]


def test_helper_uploads_in_chunks(large):
    with tempfile.TemporaryDirectory() as folder, running("--state", folder, "--chunk-size", str(CHUNK)) as emulator:
        client = emulator.client
        seen = []
        result = client.multipart_upload.upload_file(str(large), filename="large.mp4", progress_callback=seen.append)
        assert seen and seen[-1].completed_chunks == seen[-1].total_chunks
        puts = emulator.journal(operation="storage.put")
        upload_id = puts[0]["chunk"]["upload_id"]
        chunks = list(client.multipart_upload.get_status(upload_id))
        assert len(chunks) == -(-large.stat().st_size // CHUNK)
        assert {chunk.status for chunk in chunks} == {"completed"}
        status = client.multipart_upload.wait_for_upload_completion(upload_id, sleep_interval=0.05, max_wait_time=10)
        assert (status.status, status.completed_chunks) == ("completed", len(chunks))
        asset = wait_for(lambda: client.assets.retrieve(result.asset_id))
        assert (asset.method, asset.size) == ("multipart", large.stat().st_size)
        assert list(client.multipart_upload.list_incomplete_uploads()) == []
        (stored,) = [path for path in (pathlib.Path(folder) / "media").iterdir() if path.is_file()]
        assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(large.read_bytes()).digest()
        assert [put["chunk"]["accepted"] for put in puts] == [True] * len(puts)


def test_helper_fails_with_extra_upload_headers(large):
    with running("--quirk", "upload-headers=extra", "--chunk-size", "10000000") as emulator:
        with pytest.raises(Exception):
            emulator.client.multipart_upload.upload_file(str(large), max_retries=1, retry_delay=0.01)
        refusals = emulator.journal(operation="storage.put")
        assert {put["code"] for put in refusals} == {"SignatureDoesNotMatch"}


def test_session_step_by_step(chunked, large):
    client = chunked.client.multipart_upload
    data = large.read_bytes()
    parts = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    session = client.create(filename="by-hand.mp4", type="video", total_size=len(data), user_metadata={"k": "v"})
    assert (session.chunk_size, session.total_chunks) == (CHUNK, len(parts))
    assert [url.chunk_index for url in session.upload_urls] == list(range(1, min(10, len(parts)) + 1))
    assert len(session.upload_id) == 24 and len(session.asset_id) == 24
    (incomplete,) = client.list_incomplete_uploads()
    assert (incomplete.upload_id, incomplete.status, incomplete.total_size) == (session.upload_id, "active", len(data))

    urls = {url.chunk_index: url.url for url in session.upload_urls}
    more = client.get_additional_presigned_urls(session.upload_id, start=1, count=2)
    assert (more.upload_id, more.start_index, more.count) == (session.upload_id, 1, 2)
    assert [url.chunk_index for url in more.upload_urls] == [1, 2]
    assert more.upload_urls[0].url != urls[1]
    for index in range(len(urls) + 1, len(parts) + 1):
        urls[index] = client.get_additional_presigned_urls(session.upload_id, start=index, count=1).upload_urls[0].url

    proofs = [
        {"chunk_index": index, "proof": put(urls[index], session.upload_headers, part), "proof_type": "etag", "chunk_size": len(part)}
        for index, part in enumerate(parts, 1)
    ]
    assert httpx.put(urls[1], content=parts[0], headers=session.upload_headers).status_code == 403
    first = client.report_chunk_batch(session.upload_id, completed_chunks=proofs[:1])
    assert (first.processed_chunks, first.duplicate_chunks, first.total_completed, first.url) == (1, 0, 1, None)
    again = client.report_chunk_batch(session.upload_id, completed_chunks=proofs[:2])
    assert (again.processed_chunks, again.duplicate_chunks, again.total_completed) == (1, 1, 2)
    pager = client.get_status(session.upload_id, page_limit=1)
    assert (pager.items[0].index, pager.items[0].status) == (1, "completed")
    states = [chunk.status for chunk in client.get_status(session.upload_id, page_limit=2)]
    assert states == ["completed"] * 2 + ["pending"] * (len(parts) - 2)
    last = client.report_chunk_batch(session.upload_id, completed_chunks=proofs[:1:-1])
    assert last.total_completed == len(parts) and last.asset_id == session.asset_id
    assert last.url.endswith(f"/assets/{session.asset_id}")
    assert list(client.list_incomplete_uploads()) == []
    asset = wait_for(lambda: chunked.client.assets.retrieve(session.asset_id))
    assert (asset.filename, asset.size, asset.user_metadata) == ("by-hand.mp4", len(data), {"k": "v"})
    with refused(BadRequestError, 400, "parameter_invalid"):
        client.get_additional_presigned_urls(session.upload_id, start=1, count=1)


@pytest.mark.parametrize(
    "wanted",
    [
        {"filename": ""},
        {"filename": "x" * 256},
        {"type": "song"},
        {"total_size": 0},
        {"total_size": 10 * 1024**3 + 1},
        {"type": "image", "total_size": 33 * 1024**2},
        {"user_metadata": {"a": {"b": 1}}},
    ],
)
def test_invalid_session_is_refused(chunked, wanted):
    right = {"filename": "a.mp4", "type": "video", "total_size": 1000}
    with refused(BadRequestError, 400, "parameter_invalid"):
        chunked.client.multipart_upload.create(**{**right, **wanted})
    assert list(chunked.client.multipart_upload.list_incomplete_uploads()) == []


def test_invalid_report_is_refused(chunked):
    client = chunked.client.multipart_upload
    data = b"x" * (CHUNK + 1)
    session = client.create(filename="a.mp4", type="video", total_size=len(data))
    etag = put(session.upload_urls[0].url, session.upload_headers, data[:CHUNK])
    right = {"chunk_index": 1, "proof": etag, "proof_type": "etag", "chunk_size": CHUNK}
    for wrong in [{"proof": "0" * 32}, {"chunk_size": 1}, {"chunk_index": 2, "chunk_size": 1}, {"chunk_index": 3}, {"proof_type": "md5"}]:
        with refused(BadRequestError, 400, "parameter_invalid"):
            client.report_chunk_batch(session.upload_id, completed_chunks=[{**right, **wrong}])
    with refused(BadRequestError, 400, "parameter_invalid"):
        client.report_chunk_batch(session.upload_id, completed_chunks=[])
    with refused(BadRequestError, 400, "parameter_invalid"):
        client.report_chunk_batch(session.upload_id, completed_chunks=[right] * 51)
    for start, count in [(0, 1), (3, 1), (1, 0), (1, 51)]:
        with refused(BadRequestError, 400, "parameter_invalid"):
            client.get_additional_presigned_urls(session.upload_id, start=start, count=count)
    assert client.report_chunk_batch(session.upload_id, completed_chunks=[right]).total_completed == 1


def test_unknown_session_is_not_found(chunked):
    client = chunked.client.multipart_upload
    chunk = {"chunk_index": 1, "proof": "x", "proof_type": "etag", "chunk_size": 1}
    for call in [
        lambda: client.get_status(UNKNOWN_ID),
        lambda: client.report_chunk_batch(UNKNOWN_ID, completed_chunks=[chunk]),
        lambda: client.get_additional_presigned_urls(UNKNOWN_ID, start=1, count=1),
    ]:
        with refused(NotFoundError, 404, "not_found"):
            call()


def test_session_expires_after_a_day():
    with running("--chunk-size", str(CHUNK), "--clock", "manual") as emulator:
        client = emulator.client.multipart_upload
        session = client.create(filename="a.mp4", type="video", total_size=CHUNK)
        emulator.control("POST", "/clock/advance", {"seconds": 3601})
        late = httpx.put(session.upload_urls[0].url, content=b"x" * CHUNK, headers=session.upload_headers)
        assert late.status_code == 403 and b"expired" in late.content
        emulator.control("POST", "/clock/advance", {"seconds": 24 * 3600})
        assert [upload.status for upload in client.list_incomplete_uploads()] == ["expired"]
        with refused(BadRequestError, 400, "parameter_invalid"):
            client.get_additional_presigned_urls(session.upload_id, start=1, count=1)
