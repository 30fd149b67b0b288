"""The Python contenders of the benches. Prints the seconds that the work took, and nothing else."""

import sys
import time


def form(base, path):
    from twelvelabs import TwelveLabs

    client = TwelveLabs(api_key="tlk_bench", base_url=base)
    start = time.perf_counter()
    with open(path, "rb") as file:
        client.tasks.create(index_id="bench", video_file=file)
    return time.perf_counter() - start


def chunks(base, path, concurrency):
    from twelvelabs import TwelveLabs

    client = TwelveLabs(api_key="tlk_bench", base_url=base)
    start = time.perf_counter()
    client.multipart_upload.upload_file(path, max_workers=int(concurrency))
    return time.perf_counter() - start


def events(base, count):
    from twelvelabs import TwelveLabs

    client = TwelveLabs(api_key="tlk_bench", base_url=base)
    video = {"type": "url", "url": "https://example.com/a.mp4"}
    start = time.perf_counter()
    stream = client.analyze_stream(video=video, prompt=count)
    received = sum(getattr(event, "text", None) is not None for event in stream)
    seconds = time.perf_counter() - start
    assert received == int(count), f"{received} events were received"
    return seconds


def searches(base, count):
    from twelvelabs import TwelveLabs

    client = TwelveLabs(api_key="tlk_bench", base_url=base)
    query = {"index_id": "6639ce30f6b0d4e6a0d01234", "query_text": "goal in the rain", "search_options": ["visual"]}
    start = time.perf_counter()
    for _ in range(int(count)):
        page = client.search.create(**query, page_limit=50)
        assert len(page.data) == 50, f"{len(page.data)} results were decoded"
    return time.perf_counter() - start


def embeddings(base, count):
    from twelvelabs import TwelveLabs

    client = TwelveLabs(api_key="tlk_bench", base_url=base)
    start = time.perf_counter()
    task = client.embed.v_2.tasks.retrieve(task_id="6298d673f1090f1100476d4d")
    seconds = time.perf_counter() - start
    assert len(task.data) == int(count), f"{len(task.data)} rows were decoded"
    return seconds


def probe(listing):
    """Opens every file of a list with stream info; returns the seconds of each as JSON, `null` for a refusal."""
    import json

    import av

    av.logging.set_level(av.logging.PANIC)
    with open(listing) as lines:
        paths = lines.read().splitlines()
    times = []
    for path in paths:
        start = time.perf_counter()
        try:
            with av.open(path) as container:
                for stream in container.streams:
                    (stream.type, stream.duration, stream.codec_context and stream.codec_context.name)
            times.append(time.perf_counter() - start)
        except av.error.FFmpegError:
            times.append(None)
    return json.dumps(times)


PROGRAMS = {"form": form, "chunks": chunks, "events": events, "searches": searches, "embeddings": embeddings, "probe": probe}

print(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
