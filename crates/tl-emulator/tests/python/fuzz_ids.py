"""Gives generated requests what they can be about: identifiers of things that are there, in the place of made-up ones.

`schemathesis` loads this by `SCHEMATHESIS_HOOKS`. Only what has the form of an identifier is replaced, and not always, so that
wrong requests stay wrong and unknown identifiers are tried as well.
"""

import json
import os
import re
import zlib

import schemathesis

ID = re.compile("[0-9a-fA-F]{24}")

with open(os.environ["FUZZ_IDS"]) as file:
    KNOWN = json.load(file)


def chosen(name, text, is_deletion=False):
    """One of the known things by what was made up; nothing for one made-up text in four."""
    number = zlib.crc32(repr(text).encode())
    known = KNOWN[name]
    if is_deletion:
        # What is deleted must leave something: the last two indexes, and every second of the rest.
        known = known[-2:] if name == "index_id" else known[1::2]
    return known[number // 4 % len(known)] if number % 4 else None


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters:
        return path_parameters
    is_deletion = context.operation.method.upper() == "DELETE"
    for name, value in list(path_parameters.items()):
        if name not in KNOWN or not isinstance(value, str):
            continue
        # Any text is an upload's identifier as far as the description is concerned.
        if name == "upload_id" or ID.fullmatch(value):
            # An index goes with something in it.
            for part, known in (chosen(name, value, is_deletion) or {}).items():
                if part in path_parameters and (part == name or ID.fullmatch(str(path_parameters[part]))):
                    path_parameters[part] = known
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    if ID.fullmatch(str(body.get("asset_id"))):
        body.update(chosen("asset_id", body["asset_id"]) or {})
    if ID.fullmatch(str(body.get("index_id"))):
        body["index_id"] = (chosen("index_id", body["index_id"]) or body)["index_id"]
    return body
