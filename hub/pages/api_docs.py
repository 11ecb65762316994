"""The API's documentation page, made from its OpenAPI document. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.intake.problems import Kind


@dataclass(frozen=True)
class FieldLine:
    """One field of a schema."""

    name: str
    type: str
    required: bool
    about: str


@dataclass(frozen=True)
class SchemaSection:
    """One schema."""

    name: str
    about: str
    fields: list[FieldLine]
    choices: list[str]
    example: str


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    anchor: str
    summary: str
    about: str
    body: str
    example: str
    curl: str
    parameters: list[FieldLine]
    answers: list[tuple[str, str, str]]


@dataclass(frozen=True)
class ApiDocs:
    """The page."""

    title: str
    version: str
    operations: list[Operation]
    schemas: list[SchemaSection]
    problems: list[Kind]


def api_docs(document: Mapping[str, Any], base: str) -> ApiDocs:
    """The page of an OpenAPI document.

    Args:
        document: as FastAPI makes it.
        base: where the API is, for the examples: http://127.0.0.1:8600.
    """
    schemas = document["components"]["schemas"]
    operations = [
        _operation(method.upper(), path, operation, schemas, base)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    sections = [_schema(name, schema, schemas) for name, schema in schemas.items()]
    info = document["info"]
    return ApiDocs(info["title"], info["version"], operations, sections, list(Kind))


def _operation(
    method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any], base: str
) -> Operation:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _type(content["schema"]) if content else ""
    example = next(iter(schemas[body].get("examples", [])), None) if body else None
    address = base + path.replace("{reference}", "0TJ9-4QXM-7C2K-VN31")
    headers = "-H 'Content-Type: application/json' -H \"Idempotency-Key: $(uuidgen)\""
    sent = f" \\\n  {headers} \\\n  -d '{json.dumps(example)}'" if example is not None else ""
    return Operation(
        method=method,
        path=path,
        anchor=operation["operationId"],
        summary=operation["summary"],
        about=operation.get("description", ""),
        body=body,
        example=json.dumps(example, indent=2) if example is not None else "",
        curl=f"curl {address}{sent}",
        parameters=[
            FieldLine(
                item["name"],
                _type(item["schema"]),
                bool(item.get("required")),
                item.get("description", f"In the {item['in']}"),
            )
            for item in operation.get("parameters", [])
        ],
        answers=[(status, answer["description"], _answer(answer)) for status, answer in operation["responses"].items()],
    )


def _answer(answer: Mapping[str, Any]) -> str:
    return next(
        (_type(content["schema"]) for content in answer.get("content", {}).values() if content.get("schema")), ""
    )


def _schema(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> SchemaSection:
    required = schema.get("required", [])
    fields = [
        FieldLine(field, _type(item), field in required, _about(item, schemas))
        for field, item in schema.get("properties", {}).items()
    ]
    example = next(iter(schema.get("examples", [])), None)
    return SchemaSection(
        name=name,
        about=schema.get("description", "").split("\n")[0],
        fields=fields,
        choices=[str(choice) for choice in schema.get("enum", [])],
        example=json.dumps(example, indent=2) if example is not None else "",
    )


def _about(item: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "description" in item:
        return str(item["description"])
    referred = next((part["$ref"] for part in (item, *item.get("anyOf", [])) if "$ref" in part), None)
    return str(schemas[referred.rpartition("/")[2]].get("description", "")).split("\n")[0] if referred else ""


def _type(schema: Mapping[str, Any]) -> str:
    """A schema's type in a word: text, number, the name of another schema."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "const" in schema:
        return f'"{schema["const"]}"'
    return str(schema.get("format") or schema.get("type") or "anything")
