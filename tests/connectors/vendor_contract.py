"""Our requests against the vendor's own description of its API (OpenAPI 2 or 3): path, method, names and types of parameters.

```python
from vendor_contract import Contract, asked

contract = Contract.read(RECORDINGS / "slack" / "openapi.json", credentials={"token"})
with source.api() as api, asked(api) as requests:
    list(source.pull(api, window))
assert requests and contract.faults(requests) == []
```
`openapi.json` beside a source's recordings is a digest: of the paths that we call the parameters alone, without a word of the vendor's text. It is written by
`python tests/connectors/vendor_contract.py SPECIFICATION DIGEST PATH…`; `Contract` reads a whole specification as well.
"""

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
import yaml

from connectors.http import Api

_METHODS = ("get", "post", "put", "patch", "delete")
_KEPT = ("type", "enum", "minimum", "maximum", "pattern", "items", "oneOf", "anyOf")


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
        for (place, name), parameter in known.items():
            if name in self.credentials or place not in {"path", "query"}:
                continue
            if (place, name) in given:
                if reason := self._wrong(given[place, name], self._schema(parameter)):
                    yield f"{where}: {name} {reason}"
            elif parameter.get("required"):
                yield f"{where}: {name} is required"

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
    """Of the named paths the parameters: name, place, whether required, type. Raises KeyError for a path that is not described."""
    contract = Contract(spec)

    def schema(value: Any) -> Any:
        value = contract._resolved(value)
        kept = {name: value[name] for name in _KEPT if name in value}
        for name in ("oneOf", "anyOf"):
            if name in kept:
                kept[name] = [schema(each) for each in kept[name]]
        return {**kept, **({"items": {}} if "items" in kept else {})}

    def parameter(each: Mapping[str, Any]) -> dict[str, Any]:
        made = {"name": each["name"], "in": each["in"], **({"required": True} if each.get("required") else {})}
        if "content" in each:
            return {**made, "content": {"application/json": {"schema": schema(each["content"]["application/json"]["schema"])}}}  # fmt: skip
        return {**made, **({"schema": schema(each["schema"])} if "schema" in each else schema(each))}

    made: dict[str, Any] = {}
    for path in paths:
        made[path] = {
            method: {"parameters": [parameter(each) for each in contract._parameters(path, operation)]}
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
