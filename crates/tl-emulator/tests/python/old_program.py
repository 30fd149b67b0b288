"""A typical program for Python clients before 1.0, without any knowledge of the emulator."""

import json
import os
import sys

from twelvelabs import TwelveLabs
from twelvelabs.exceptions import APIStatusError

clip, url, model = sys.argv[1:]
client = TwelveLabs(api_key=os.environ["TWELVE_LABS_API_KEY"])
index = client.index.create(name="films", models=[{"name": model, "options": ["visual", "audio"]}])
seen = {"model": index.models[0].name, "listed": [found.name for found in client.index.list()]}

task = client.task.create(index_id=index.id, file=clip, enable_video_stream=False)
task.wait_for_done(sleep_interval=0.05)
seen["file"] = task.status
task = client.task.create(index_id=index.id, url=url)
task.wait_for_done(sleep_interval=0.05)
seen["url"] = task.status
bulk = client.task.create_bulk(index.id, urls=[url, url])
seen["bulk"] = [task.wait_for_done(sleep_interval=0.05).status for task in bulk]

seen["tasks"] = len(client.task.list(index_id=index.id))
videos = client.index.video.list(index.id)
seen["videos"] = len(videos)
video = client.index.video.retrieve(index.id, videos[0].id)
seen["width"] = video.system_metadata.width
pages = client.index.list_pagination(page_limit=1)
seen["pages"] = pages.page_info.total_page
client.index.update(index.id, "renamed")
seen["name"] = client.index.retrieve(index.id).name
try:
    client.search.query(index.id, options=["visual"], query_text="a cat")
except APIStatusError as error:
    seen["search"] = [error.response.status_code, error.body["code"]]
client.index.video.delete(index.id, video.id)
client.index.delete(index.id)
seen["left"] = len(client.index.list())
print(json.dumps(seen))
