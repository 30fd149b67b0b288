"""Checks every response against the OpenAPI description that the emulator serves."""

import json
import re

import jsonschema_rs


class ApiDescription:
    """The operations of an OpenAPI description, by method and path."""

    def __init__(self, description):
        self.components = description["components"]
        self.operations = []
        for path, operations in description["paths"].items():
            # Prefer paths with fewer parameters: `multipart-uploads` is no asset ID.
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "/?")
            for method, operation in operations.items():
                self.operations.append((path.count("{"), method.upper(), pattern, operation))
        self.operations.sort(key=lambda found: found[0])
        self.validators = {}
        self.seen = set()

    def check_response(self, response):
        """An httpx hook that fails on undocumented responses."""
        base, found, path = response.request.url.path.partition("/v1.3/")
        if not found:
            return
        response.read()
        for _, method, pattern, operation in self.operations:
            if method == response.request.method and pattern.fullmatch("/" + path):
                return self.check(operation, response)

    def check(self, operation, response):
        name, status = operation["operationId"], str(response.status_code)
        described = self.resolve(operation["responses"].get(status))
        assert described is not None, f"{name} answered {status}, which is not described: {response.text}"
        assert response.headers["x-api-version"] in ("1.3", "v1.3")
        self.seen.add(name)
        if "content" not in described:
            assert response.content == b"", f"{name} {status} has a body: {response.text}"
            return
        kind = response.headers["content-type"]
        content = described["content"].get(kind)
        assert content is not None, f"{name} answered {kind}, which is not described"
        if kind == "text/event-stream":
            values = [response.text]
        else:
            # A streamed response has one value per line.
            values = map(json.loads, response.text.splitlines()) if "x-lines" in content else [response.json()]
        key = (name, status, kind)
        if key not in self.validators:
            schema = {**content.get("x-lines", content["schema"]), "components": self.components}
            self.validators[key] = jsonschema_rs.validator_for(schema)
        wrong = [
            f"{error.instance_path}: {error.message}" for value in values for error in self.validators[key].iter_errors(value)
        ]
        assert not wrong, f"{name} {status}: {wrong}"

    def resolve(self, value):
        reference = (value or {}).get("$ref")
        return self.components[reference.split("/")[2]][reference.split("/")[3]] if reference else value
