#!/usr/bin/env python3
"""Compare the public items of the libraries with the lists in this folder, one per crate.

    public_api.py [--accept] DOC [CRATE...]

DOC is the folder with the JSON of rustdoc, which `cargo xtask ci surface` writes to `target/doc`.
Without CRATE: every crate that has a list. Exit code 1 and a diff if a list differs; `--accept`
writes the lists instead.
"""

import difflib
import json
import pathlib
import sys

LISTS = pathlib.Path(__file__).parent


class Api:
    """The public items of one crate, from the JSON of rustdoc."""

    def __init__(self, doc):
        self.index, self.paths = doc["index"], doc["paths"]
        self.lines, self.seen = set(), set()
        root = self.item(doc["root"])
        self.module(root, root["name"])

    def item(self, number):
        return self.index.get(str(number))

    def module(self, module, path):
        for number in module["inner"]["module"]["items"]:
            if item := self.item(number):
                self.visit(item, path, item["name"])

    def visit(self, item, path, name):
        kind, inner = next(iter(item["inner"].items()))
        if kind == "use":
            target = self.item(inner["id"]) if inner["id"] is not None else None
            if target is None:
                self.lines.add(f"{path}: use {inner['source']}{'::*' if inner['is_glob'] else ''}")
            elif inner["is_glob"] and "module" in target["inner"]:
                self.module(target, path)
            else:
                self.visit(target, path, inner["name"])
            return
        full = f"{path}::{name}"
        if (item["id"], full) in self.seen:
            return
        self.seen.add((item["id"], full))
        if kind == "module":
            self.module(item, full)
        elif kind in ("struct", "enum", "union", "trait"):
            self.type(kind, item, inner, full)
        elif kind == "function":
            self.lines.add(f"{full}: {self.function(inner)}")
        elif kind == "type_alias":
            self.lines.add(f"{full}: type{self.generics(inner)} = {self.ty(inner['type'])}")
        elif kind in ("constant", "static"):
            self.lines.add(f"{full}: {kind} {self.ty(inner['type'])}")
        else:
            self.lines.add(f"{full}: {kind}")

    def type(self, kind, item, inner, full):
        attributes = "".join(
            " non_exhaustive" for text in item["attrs"] if "non_exhaustive" in str(text)
        )
        self.lines.add(f"{full}: {kind}{self.generics(inner)}{attributes}")
        members = inner.get("variants", []) + (inner.get("items", []) if kind == "trait" else [])
        shape = inner.get("kind")
        members += self.fields(shape) if kind == "struct" else []
        for number in members:
            if member := self.item(number):
                self.member(member, full)
        traits = set()
        for number in inner.get("impls", []):
            block = self.item(number)
            block = block and block["inner"]["impl"]
            if not block or block["is_synthetic"] or block["blanket_impl"]:
                continue
            if block["trait"] is None:
                for method in block["items"]:
                    if method := self.item(method):
                        self.member(method, full)
            elif block["trait"]["path"] != "StructuralPartialEq":
                traits.add(self.path(block["trait"]))
        if traits:
            self.lines.add(f"{full}: impl {', '.join(sorted(traits))}")

    def fields(self, shape):
        if isinstance(shape, dict):
            plain = shape.get("plain") or shape.get("struct")
            numbers = plain["fields"] if plain else shape.get("tuple", [])
            return [number for number in numbers if number is not None]
        return []

    def member(self, member, full):
        kind, inner = next(iter(member["inner"].items()))
        name = f"{full}::{member['name']}"
        if kind == "function":
            self.lines.add(f"{name}: {self.function(inner)}")
        elif kind == "struct_field":
            self.lines.add(f"{name}: field {self.ty(inner)}")
        elif kind == "variant":
            self.lines.add(f"{name}: variant")
            for number in self.fields(inner["kind"]):
                if field := self.item(number):
                    self.member(field, name)
        elif kind == "assoc_const":
            self.lines.add(f"{name}: const {self.ty(inner['type'])}")
        elif kind == "assoc_type":
            given = f" = {self.ty(inner['type'])}" if inner["type"] else ""
            self.lines.add(f"{name}: type{self.generics(inner)}{self.bounds(inner['bounds'])}{given}")

    def function(self, function):
        header, signature = function["header"], function["sig"]
        words = [word for word in ("const", "async", "unsafe") if header.get(f"is_{word}")]
        inputs = ", ".join(
            self.ty(ty).replace("Self", "self") if name == "self" else f"{name}: {self.ty(ty)}"
            for name, ty in signature["inputs"]
        )
        output = f" -> {self.ty(signature['output'])}" if signature["output"] else ""
        return f"{' '.join(words + ['fn'])}{self.generics(function)}({inputs}){output}"

    def generics(self, item):
        generics = item["generics"]
        params = []
        for param in generics["params"]:
            kind, inner = next(iter(param["kind"].items()))
            if kind == "type" and inner["is_synthetic"]:
                continue
            bounds = self.bounds(inner["bounds"]) if kind == "type" else ""
            params.append(param["name"] + bounds)
        where = []
        for predicate in generics["where_predicates"]:
            if bound := predicate.get("bound_predicate"):
                where.append(self.ty(bound["type"]) + self.bounds(bound["bounds"]))
        text = f"<{', '.join(params)}>" if params else ""
        return text + (f" where {', '.join(where)}" if where else "")

    def bounds(self, bounds):
        texts = [self.bound(bound) for bound in bounds]
        return f": {' + '.join(texts)}" if texts else ""

    def bound(self, bound):
        if trait := bound.get("trait_bound"):
            sign = "?" if trait["modifier"] == "maybe" else ""
            return sign + self.path(trait["trait"])
        return str(bound.get("outlives", "use<..>"))

    def path(self, path):
        return path["path"].split("::")[-1] + self.args(path.get("args"))

    def args(self, args):
        if not args:
            return ""
        if call := args.get("parenthesized"):
            output = f" -> {self.ty(call['output'])}" if call["output"] else ""
            return f"({', '.join(map(self.ty, call['inputs']))}){output}"
        angle = args.get("angle_bracketed") or {"args": [], "constraints": []}
        texts = []
        for arg in angle["args"]:
            if arg == "infer":
                texts.append("_")
            elif "type" in arg:
                texts.append(self.ty(arg["type"]))
            elif "const" in arg:
                texts.append(arg["const"]["expr"])
            else:
                texts.append(arg["lifetime"])
        for constraint in angle.get("constraints", []):
            binding = constraint["binding"]
            if equal := binding.get("equality"):
                texts.append(f"{constraint['name']} = {self.ty(equal.get('type', {}))}")
            else:
                texts.append(constraint["name"] + self.bounds(binding["constraint"]))
        return f"<{', '.join(texts)}>" if texts else ""

    def ty(self, ty):
        if not ty:
            return "_"
        kind, inner = next(iter(ty.items()))
        if kind == "resolved_path":
            return self.path(inner)
        if kind in ("generic", "primitive"):
            return inner
        if kind == "tuple":
            return f"({', '.join(map(self.ty, inner))})"
        if kind == "slice":
            return f"[{self.ty(inner)}]"
        if kind == "array":
            return f"[{self.ty(inner['type'])}; {inner['len']}]"
        if kind == "borrowed_ref":
            lifetime = f"{inner['lifetime']} " if inner["lifetime"] else ""
            mutable = "mut " if inner["is_mutable"] else ""
            return f"&{lifetime}{mutable}{self.ty(inner['type'])}"
        if kind == "impl_trait":
            return f"impl {' + '.join(map(self.bound, inner))}"
        if kind == "dyn_trait":
            traits = [self.path(trait["trait"]) for trait in inner["traits"]]
            return f"dyn {' + '.join(traits + [inner['lifetime']] * bool(inner['lifetime']))}"
        if kind == "qualified_path":
            of = self.ty(inner["self_type"])
            trait = inner["trait"]
            of = f"<{of} as {self.path(trait)}>" if trait and trait["path"] else of
            return f"{of}::{inner['name']}{self.args(inner.get('args'))}"
        if kind == "function_pointer":
            return f"fn{self.function({**inner, 'generics': {'params': [], 'where_predicates': []}})[2:]}"
        return kind


def main(arguments):
    accept = "--accept" in arguments
    doc, *crates = [argument for argument in arguments if argument != "--accept"]
    crates = crates or sorted(file.stem for file in LISTS.glob("*.txt"))
    if not crates:
        sys.exit("no crate was named, and there is no list")
    differs = False
    for crate in crates:
        file = LISTS / f"{crate}.txt"
        json_file = pathlib.Path(doc) / f"{crate.replace('-', '_')}.json"
        found = sorted(Api(json.loads(json_file.read_text())).lines)
        if not found:
            sys.exit(f"{json_file}: no public item was found")
        if accept:
            file.write_text("".join(f"{line}\n" for line in found))
            continue
        listed = file.read_text().splitlines() if file.exists() else []
        for line in difflib.unified_diff(listed, found, str(file), "the code", "", "", 0, ""):
            differs = True
            print(line)
    if differs:
        sys.exit(f"the public API differs from its lists\nhint: if that is intended, run `python3 {__file__} --accept {doc}`")


if __name__ == "__main__":
    main(sys.argv[1:])
