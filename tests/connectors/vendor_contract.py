"""Our requests against the vendor's own description of its API (OpenAPI 2 or 3): path, method, names and types of parameters, headers, bodies.

```python
from vendor_contract import Contract, asked

contract = Contract.read(RECORDINGS / "slack" / "openapi.json", credentials={"token"})
with source.api() as api, asked(api) as requests:
    list(source.pull(api, window))
assert requests and contract.faults(requests) == []
```
`openapi.json` beside a source's recordings is a digest: of the paths that we call the parameters and bodies alone, without a word of the vendor's text. It is written by
`python tests/connectors/vendor_contract.py SPECIFICATION DIGEST PATH…`; `Contract` reads a whole specification as well.
"""

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs
import requests
import yaml

from connectors.http import Api

_METHODS = ("get", "post", "put", "patch", "delete")
_KEPT = ("type", "enum", "minimum", "maximum", "pattern", "items", "oneOf", "anyOf", "required", "additionalProperties")
_FORM = "application/x-www-form-urlencoded"
_NOT_DESCRIBED = frozenset({
    "accept",
    "content-type",
    "authorization",
})  # OpenAPI says these elsewhere, whatever a parameter tells


@contextmanager
def asked(api: Api) -> Iterator[list[requests.PreparedRequest]]:
    """All requests that were sent over `api` inside the block, as they were sent."""
    found: list[requests.PreparedRequest] = []

    def keep(response: requests.Response, *_: Any, **__: Any) -> None:
        found.append(response.request)

    api.session.hooks["response"].append(keep)
    try:
        yield found
    finally:
        api.session.hooks["response"].remove(keep)


@dataclass(frozen=True)
class Contract:
    """A description of an API. `credentials` are parameters that we send as headers instead, whatever the description says."""

    spec: Mapping[str, Any]
    credentials: Collection[str] = ()

    @classmethod
    def read(cls, path: Path, *, credentials: Collection[str] = ()) -> "Contract":
        """Out of a JSON or YAML file."""
        return cls(_load(path), credentials)

    def called(self, sent: Iterable[requests.PreparedRequest]) -> set[str]:
        """The operations that were asked, as the description names their paths; what it does not know as it was asked."""
        known = ((request, self._operation(urlsplit(str(request.url)).path, str(request.method).lower())) for request in sent)  # fmt: skip
        return {
            f"{request.method} {found[0] if found else urlsplit(str(request.url)).path}" for request, found in known
        }

    def faults(self, sent: Iterable[requests.PreparedRequest]) -> list[str]:
        """What of the requests the description does not know, each fault once."""
        return list(dict.fromkeys(fault for request in sent for fault in self._faults(request)))

    def _faults(self, request: requests.PreparedRequest) -> Iterator[str]:
        parts, method = urlsplit(str(request.url)), str(request.method).lower()
        found = self._operation(parts.path, method)
        if found is None:
            yield f"{request.method} {parts.path}: no such path"
            return
        where, operation, given = found
        if operation is None:
            yield f"{request.method} {where}: no such method"
            return
        given |= {("query", name): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
        known = {(each["in"], each["name"]): each for each in self._parameters(where, operation)}
        for place, name in given:
            if (place, name) not in known:
                yield f"{where}: no parameter {name} in {place}"
        headers = {("header", name): request.headers[name] for place, name in known if place == "header" and name in request.headers}  # fmt: skip
        given |= headers
        for (place, name), parameter in known.items():
            if name in self.credentials or place not in {"path", "query", "header"} or name.lower() in _NOT_DESCRIBED:
                continue
            if (place, name) in given:
                if reason := self._wrong(given[place, name], self._schema(parameter)):
                    yield f"{where}: {name} {reason}"
            elif parameter.get("required"):
                yield f"{where}: {name} is required"
        yield from self._faults_of_body(where, self._body(where, operation), request)

    def _faults_of_body(
        self, where: str, described: Mapping[str, Any] | None, request: requests.PreparedRequest
    ) -> Iterator[str]:
        """What is wrong with the body: `described` is {"required", "content": {media type: {"schema"}}}, or None where none is."""
        sent = request.body.encode() if isinstance(request.body, str) else request.body
        if not sent:
            if described and described.get("required"):
                yield f"{where}: a body is required"
            return
        kind = str(request.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
        content = described["content"] if described else {}
        media = next((each for wanted, each in content.items() if fnmatchcase(kind, wanted.partition(";")[0])), None)
        if media is None:
            yield f"{where}: no body of type {kind or 'unknown'}" if described else f"{where}: no body is described"
            return
        schema = self._inlined(media.get("schema", {}))
        if kind == _FORM:
            fields = parse_qsl(bytes(sent).decode(), keep_blank_values=True)
            known = schema.get("properties", {})
            yield from (f"{where}: no field {name} in the form" for name, _ in fields if name not in known)
            yield from (f"{where}: {name} {reason}" for name, value in fields if name in known and (reason := self._wrong(value, known[name])))  # fmt: skip
            yield from (f"{where}: {name} is required" for name in schema.get("required", ()) if name not in dict(fields))  # fmt: skip
            return
        try:
            value = json.loads(bytes(sent))
        except ValueError:
            yield f"{where}: the body is no JSON"
            return
        for error in jsonschema_rs.validator_for(schema).iter_errors(value):
            place = "/".join(map(str, ("body", *error.instance_path)))
            yield f"{where}: {place} breaks {'/'.join(map(str, error.schema_path))}"
        if isinstance(value, dict) and "properties" in schema and "additionalProperties" not in schema:
            yield from (f"{where}: no field {name} in the body" for name in value if name not in schema["properties"])

    def _body(self, path: str, operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The body as OpenAPI 3 describes one; that of OpenAPI 2 stands among the parameters, as a whole or field by field."""
        if "requestBody" in operation:
            described: Mapping[str, Any] = self._resolved(operation["requestBody"])
            return described
        parameters = list(self._parameters(path, operation))
        types = operation.get("consumes") or self.spec.get("consumes") or ["application/json"]
        for each in parameters:
            if each["in"] == "body":
                return {
                    "required": each.get("required", False),
                    "content": {kind: {"schema": each["schema"]} for kind in types},
                }
        fields = [each for each in parameters if each["in"] == "formData"]
        if not fields:
            return None
        required = [each["name"] for each in fields if each.get("required") and each["name"] not in self.credentials]
        schema = {"properties": {each["name"]: each for each in fields}, "required": required}
        return {"required": bool(required), "content": {_FORM: {"schema": schema}}}

    def _inlined(self, schema: Any, within: tuple[str, ...] = ()) -> Any:
        """A schema with what it refers to in its place, and of OpenAPI 3.0 `nullable` as the type that it means; what holds itself ends as anything."""
        if isinstance(schema, list):
            return [self._inlined(each, within) for each in schema]
        if not isinstance(schema, Mapping):
            return schema
        if "$ref" in schema:
            name = schema["$ref"]
            return {} if name in within else self._inlined(self._resolved(schema), (*within, name))
        made = {name: self._inlined(value, within) for name, value in schema.items()}
        if made.get("nullable") is True and isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        return made

    def _operation(self, path: str, method: str) -> tuple[str, Any, dict[tuple[str, str], str]] | None:
        """(template, operation or None, values in the path) of the first template that the end of the path fits, plain ones before others."""
        for template in sorted(self.spec["paths"], key=lambda each: each.count("{")):
            names = re.findall(r"{(\w+)}", template)
            pattern = re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(template))
            if fits := re.search(f"{pattern}$", path):
                values = {("path", name): unquote(value) for name, value in zip(names, fits.groups(), strict=True)}
                return template, self.spec["paths"][template].get(method), values
        return None

    def _parameters(self, path: str, operation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for each in (*self.spec["paths"][path].get("parameters", ()), *operation.get("parameters", ())):
            yield self._resolved(each)

    def _schema(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of OpenAPI 2 the parameter itself; of 3 its schema, or that of the JSON inside it."""
        if "content" in parameter:
            return {"json": self._resolved(parameter["content"]["application/json"]["schema"])}
        return self._resolved(parameter.get("schema", parameter))

    def _resolved(self, value: Any) -> Any:
        while isinstance(value, Mapping) and "$ref" in value:
            found: Any = self.spec
            for name in value["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            value = found
        return value

    def _wrong(self, text: str, schema: Mapping[str, Any]) -> str:
        """What is wrong with a value that came as text; empty where nothing is."""
        if "json" in schema:
            try:
                value = json.loads(text)
            except ValueError:
                return "is no JSON"
            wanted = schema["json"].get("type")
            return "" if wanted not in _JSON or isinstance(value, _JSON[wanted]) else f"is no JSON {wanted}"
        choices = schema.get("oneOf") or schema.get("anyOf")
        if choices:
            wrong = [self._wrong(text, self._resolved(each)) for each in choices]
            return "" if "" in wrong else wrong[0]
        wanted = str(schema.get("type", "string"))
        if wanted in _FORMS and not re.fullmatch(_FORMS[wanted], text):
            return f"is no {wanted}"
        if schema.get("enum") and text not in map(str, schema["enum"]):
            return f"is none of {', '.join(map(str, schema['enum']))}"
        if wanted in {"integer", "number"} and not schema.get("minimum", float(text)) <= float(text) <= schema.get("maximum", float(text)):  # fmt: skip
            return "is out of range"
        return ""


_FORMS = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "boolean": "true|false"}
_JSON: Mapping[Any, Any] = {"array": list, "object": dict, "string": str, "boolean": bool, "integer": int}


def digest(spec: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Of the named paths the parameters and bodies: name, place, whether required, type. Raises KeyError for a path that is not described."""
    contract = Contract(spec)

    def kept(value: Any) -> Any:
        """Of a schema what is checked, down to its last field."""
        if not isinstance(value, Mapping):
            return value
        made = {name: value[name] for name in _KEPT if name in value and (name != "required" or isinstance(value[name], list))}  # fmt: skip
        for name in ("oneOf", "anyOf"):
            if name in made:
                made[name] = [kept(each) for each in made[name]]
        made |= {name: kept(made[name]) for name in ("items", "additionalProperties") if name in made}
        if "properties" in value:
            made["properties"] = {name: kept(each) for name, each in value["properties"].items()}
        return made

    def schema(value: Any) -> Any:
        return kept(contract._inlined(value))

    def body(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
        described = contract._body(path, operation)
        if described is None:
            return {}
        content = {kind: {"schema": schema(each.get("schema", {}))} for kind, each in described["content"].items()}
        return {"requestBody": {"required": bool(described.get("required")), "content": content}}

    def parameter(each: Mapping[str, Any]) -> dict[str, Any]:
        made = {"name": each["name"], "in": each["in"], **({"required": True} if each.get("required") else {})}
        if "content" in each:
            return {**made, "content": {"application/json": {"schema": schema(each["content"]["application/json"]["schema"])}}}  # fmt: skip
        return {**made, **({"schema": schema(each["schema"])} if "schema" in each else schema(each))}

    made: dict[str, Any] = {}
    for path in paths:
        made[path] = {
            method: {
                "parameters": [
                    parameter(each)
                    for each in contract._parameters(path, operation)
                    if each["in"] not in {"body", "formData"}
                ],
                **body(path, operation),
            }
            for method, operation in spec["paths"][path].items()
            if method in _METHODS
        }
    version = {name: spec[name] for name in ("swagger", "openapi") if name in spec}
    return {**version, "info": {"version": str(spec["info"]["version"])}, "paths": made}


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


if __name__ == "__main__":
    source, target, *wanted = sys.argv[1:]
    Path(target).write_text(json.dumps(digest(_load(Path(source)), wanted), indent=1) + "\n", encoding="utf-8")
