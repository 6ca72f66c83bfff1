"""``/docs``: the OpenAPI document as a page for people, made on the server from the document alone."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
from jinja2 import Environment

from payments.entrypoints.http.problems import EDGE, STATUS, kind_of

Tree = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Field:
    """One line of a table of fields or parameters."""

    name: str
    where: str
    kind: str
    required: bool
    told: str


@attrs.frozen(kw_only=True)
class Entry:
    """One operation."""

    name: str
    method: str
    path: str
    summary: str
    told: str
    scopes: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    curl: str
    answers: tuple[tuple[str, str, str], ...]
    """Status, description and an example."""
    problems: tuple[tuple[str, str], ...]
    """Status and code."""


def reference_page(pages: Environment, document: Tree) -> str:
    """The page that shows ``document``."""
    entries: dict[str, list[Entry]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            entry = _entry(document, path, method.upper(), operation)
            entries.setdefault(operation["tags"][0], []).append(entry)
    kinds = {kind_of(error) for error in STATUS} | set(EDGE)
    return pages.get_template("docs.html").render(
        document=document, sections=entries, kinds=sorted(kinds, key=lambda kind: (kind.status, kind.code))
    )


def _entry(document: Tree, path: str, method: str, operation: Tree) -> Entry:
    responses = operation["responses"]
    return Entry(
        name=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        told=operation.get("description", ""),
        scopes=tuple(scope for way in operation["security"] for scope in way["bearer"]),
        parameters=tuple(_parameter(document, each) for each in operation.get("parameters", ())),
        body=_body(document, operation),
        curl=_curl(document, path, method, operation),
        answers=tuple(
            (status, response["description"], _example_of(document, response))
            for status, response in responses.items()
            if int(status) < 400  # noqa: PLR2004 -- where HTTP's problems begin
        ),
        problems=tuple(
            (status, code)
            for status, response in responses.items()
            for media in response.get("content", {}).values()
            for part in media["schema"].get("allOf", ())
            for code in part.get("properties", {}).get("code", {}).get("enum", ())
        ),
    )


def _parameter(document: Tree, parameter: Tree) -> Field:
    return Field(
        name=parameter["name"],
        where=parameter["in"],
        kind=_kind(document, parameter["schema"]),
        required=parameter["required"],
        told=parameter.get("description", ""),
    )


def _body(document: Tree, operation: Tree) -> tuple[Field, ...]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = _resolved(document, content.get("application/json", {}).get("schema", {}))
    return tuple(
        Field(
            name=name,
            where="body",
            kind=_kind(document, inner),
            required=name in schema.get("required", ()),
            told=_told(document, inner),
        )
        for name, inner in schema.get("properties", {}).items()
    )


def _curl(document: Tree, path: str, method: str, operation: Tree) -> str:
    asked = "&".join(
        f"{each['name']}={_example(document, each['schema'])}"
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each["required"]
    )
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(_example(document, each["schema"])))
    lines = [f"curl -X {method} '{document['servers'][0]['url']}{path}{'?' if asked else ''}{asked}'"]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    body = _body(document, operation)
    if body:
        schema = _resolved(document, operation["requestBody"]["content"]["application/json"]["schema"])
        sent = {name: _example(document, schema["properties"][name]) for name in schema["required"]}
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(sent)}'"]
    return " \\\n  ".join(lines)


def _resolved(document: Tree, schema: Tree) -> Tree:
    if "$ref" not in schema:
        return schema
    named: Tree = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return {**named, **{name: value for name, value in schema.items() if name != "$ref"}}


def _options(schema: Tree) -> list[Tree]:
    return [option for option in schema.get("anyOf", [schema]) if option != {"type": "null"}]


def _told(document: Tree, schema: Tree) -> str:
    found = schema.get("description") or next(
        (told for option in _options(schema) if (told := _resolved(document, option).get("description"))), ""
    )
    return str(found)


def _kind(document: Tree, schema: Tree) -> str:
    options = _options(schema)
    if not options:
        return "null"
    found = _resolved(document, options[0])
    if "enum" in found:
        return " | ".join(str(value) for value in found["enum"])
    return str(found.get("format") or found.get("type", "any"))


def _example_of(document: Tree, response: Tree) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    return json.dumps(_example(document, schema), indent=2) if schema else ""


def _example(document: Tree, schema: Tree) -> Any:
    options = _options(schema)
    if not options:
        return None
    found = _resolved(document, options[0])
    if found.get("examples"):
        return found["examples"][0]
    if "enum" in found:
        return found["enum"][0]
    if found.get("type") == "object":
        return {name: _example(document, inner) for name, inner in found.get("properties", {}).items()}
    if found.get("type") == "array":
        return [_example(document, found["items"])] if "items" in found else []
    return _SCALARS.get(str(found.get("format", found.get("type"))), "…")


_SCALARS: Final[Tree] = {"boolean": False, "integer": 1, "uuid": "019b76da-a800-7a3e-8a2c-5d3f6b1c9e41"}
