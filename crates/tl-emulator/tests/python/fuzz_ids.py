"""Gives generated requests what they can be about: identifiers of things that are there, in the place of made-up ones.

`schemathesis` loads this by `SCHEMATHESIS_HOOKS`. Only what has the form of an identifier is replaced, and not always, so that
wrong requests stay wrong and unknown identifiers are tried as well.
"""

import collections
import json
import os
import random
import re

import schemathesis

ID = re.compile("[0-9a-fA-F]{24}")

with open(os.environ["FUZZ_IDS"]) as file:
    KNOWN = json.load(file)

CHANCE = random.Random(1)
DELETIONS = collections.Counter()


def lasts(name, value):
    """Whether this is something that must not be deleted: the texts that are made up come from earlier answers too."""
    things = KNOWN[name]
    return any(thing[name] == value for thing in things["known"] if thing not in things["deletable"])


def chosen(name, value, is_deletion=False):
    """One of the known things; nothing one time in four. What is made up repeats, so it is not what decides."""
    deletable = is_deletion and KNOWN[name]["deletable"]
    if CHANCE.random() < 0.25 and not (deletable and lasts(name, value)):
        return {}
    if deletable:
        # One after the other: a thing can be deleted once.
        DELETIONS[name] += 1
        return deletable[DELETIONS[name] % len(deletable)]
    return CHANCE.choice(KNOWN[name]["known"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters:
        return path_parameters
    operation = context.operation
    # What is in an index comes after the index, and brings its own.
    for name in sorted(KNOWN.keys() & path_parameters.keys(), key=lambda name: (name != "index_id", name)):
        value = path_parameters[name]
        if not isinstance(value, str):
            continue
        # Any text is an upload's identifier as far as the description is concerned.
        if name == "upload_id" or ID.fullmatch(value):
            is_deletion = operation.method.upper() == "DELETE" and operation.path.endswith("{%s}" % name)
            for part, known in chosen(name, value, is_deletion).items():
                if part in path_parameters and (part == name or ID.fullmatch(str(path_parameters[part]))):
                    path_parameters[part] = known
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    if ID.fullmatch(str(body.get("asset_id"))):
        body.update(chosen("asset_id", body["asset_id"]))
    if ID.fullmatch(str(body.get("index_id"))):
        body.update(chosen("index_id", body["index_id"]))
    return body
