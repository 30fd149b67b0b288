"""Replaces generated IDs in requests with IDs of existing objects.

`schemathesis` loads this module via `SCHEMATHESIS_HOOKS`. Only well-formed IDs are replaced, and not
always, so that invalid requests stay invalid and unknown IDs are tested as well.
"""

import collections
import json
import os
import random
import re

import jsonschema_rs
import schemathesis

ID = re.compile("[0-9a-fA-F]{24}|ks(i|ic)?_[0-9a-fA-F-]{36}")

with open(os.environ["FUZZ_IDS"]) as file:
    KNOWN = json.load(file)
IMAGES = KNOWN.pop("asset_ids")
DESCRIPTION = KNOWN.pop("description")
VALIDATORS = {}

RNG = random.Random(1)
DELETIONS = collections.Counter()


def is_permanent(name, value):
    """Whether this object must not be deleted. Generated IDs may come from earlier responses."""
    objects = KNOWN[name]
    return any(item[name] == value for item in objects["known"] if item not in objects["deletable"])


def choose(name, value, is_deletion=False):
    """Chooses a known object, or nothing one time in four. Generated values repeat, so they do not decide."""
    deletable = is_deletion and KNOWN[name]["deletable"]
    if RNG.random() < 0.25 and not (deletable and is_permanent(name, value)):
        return {}
    if deletable:
        # Take turns: an object can be deleted only once.
        DELETIONS[name] += 1
        return deletable[DELETIONS[name] % len(deletable)]
    return RNG.choice(KNOWN[name]["known"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters:
        return path_parameters
    operation = context.operation
    # Process containers first: objects in one override it with their own.
    containers = ("index_id", "entity_collection_id", "knowledge_store_id", "connection_id")
    if operation.path.startswith("/analyze/tasks/") and ID.fullmatch(str(path_parameters.get("task_id"))):
        is_deletion = operation.method.upper() == "DELETE"
        known = choose("analyze_task_id", path_parameters["task_id"], is_deletion)
        if known:
            path_parameters["task_id"] = known["analyze_task_id"]
        return path_parameters
    for name in sorted(KNOWN.keys() & path_parameters.keys(), key=lambda name: (name not in containers, name)):
        value = path_parameters[name]
        if not isinstance(value, str):
            continue
        # The description allows any string as an upload ID or a page token.
        if name in ("upload_id", "page_token") or ID.fullmatch(value):
            is_deletion = operation.method.upper() == "DELETE" and operation.path.endswith("{%s}" % name)
            for part, known in choose(name, value, is_deletion).items():
                if part in path_parameters and (part == name or ID.fullmatch(str(path_parameters[part]))):
                    path_parameters[part] = known
    return path_parameters


def is_valid(operation, body):
    """Whether a JSON body conforms to the description. Replacing members of another one could make it valid."""
    place = (operation.path, operation.method.lower())
    if place not in VALIDATORS:
        content = DESCRIPTION["paths"][place[0]][place[1]]["requestBody"]["content"]
        schema = {**content["application/json"]["schema"], "components": DESCRIPTION["components"]}
        VALIDATORS[place] = jsonschema_rs.validator_for(schema)
    return VALIDATORS[place].is_valid(body)


def adjust_embedding(body):
    """Makes a request for embeddings consistent: one input, of a known asset."""
    kinds = ("text", "image", "text_image", "audio", "video", "document", "multi_input")
    for kind in kinds:
        if kind != body["input_type"]:
            body.pop(kind, None)
    # This model embeds most kinds, and has fewer parameters.
    body["model_name"] = "marengo3.0"
    for name in ("auto_truncate", "embedding_dimension", "embedding_uncertainty"):
        body.pop(name, None)
    media = body.get(str(body["input_type"]))
    if isinstance(media, dict) and "media_source" in media:
        media["media_source"] = dict(choose("asset_id", None)) or media["media_source"]


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    if ID.fullmatch(str(body.get("asset_id"))):
        body.update(choose("asset_id", body["asset_id"]))
    if ID.fullmatch(str(body.get("index_id"))):
        body.update(choose("index_id", body["index_id"]))
    items = body.get("item_ids")
    # Often of another store than that of the path, which is refused.
    if isinstance(items, list) and 0 < len(items) <= 100 and all(ID.fullmatch(str(id)) for id in items) and RNG.random() < 0.75:
        body["item_ids"] = [RNG.choice(KNOWN["item_id"]["known"])["item_id"]]
    if "knowledge_store_id" in body and "input" in body and RNG.random() < 0.75 and is_valid(context.operation, body):
        body["knowledge_store_id"] = RNG.choice(KNOWN["knowledge_store_id"]["known"])["knowledge_store_id"]
        body["input"] = [{"type": "message", "role": "user", "content": "Who plays?"}]
        for name in ("selections", "session_id", "stream"):
            body.pop(name, None)
    requests = body.get("requests")
    for request in [body, *(requests if isinstance(requests, list) else [])]:
        video = request.get("video") if isinstance(request, dict) else None
        if isinstance(video, dict) and ID.fullmatch(str(video.get("asset_id"))):
            video.update(choose("asset_id", video["asset_id"]))
    if "input_type" in body and RNG.random() < 0.75 and is_valid(context.operation, body):
        adjust_embedding(body)
    entities = body.get("entities")
    for entity in [body, *(entities if isinstance(entities, list) else [])]:
        ids = entity.get("asset_ids") if isinstance(entity, dict) else None
        # Mostly known images: a generated asset does not exist.
        if isinstance(ids, list) and ids and all(ID.fullmatch(str(id)) for id in ids) and RNG.random() < 0.75:
            entity["asset_ids"] = [RNG.choice(IMAGES)]
    return body
