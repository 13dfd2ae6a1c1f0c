"""Checks answers against `openapi/iceberg.yaml`: the status is documented, and the body is what the document says."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).parents[2] / "openapi" / "iceberg.yaml"
_HERE = "urn:weir:iceberg"


@dataclass
class Document:
    text: dict[str, Any]
    # The operations that an answer was checked for, so that a test can say which were never asked.
    asked: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def load(cls) -> Document:
        """The document of this checkout, or the one that WEIR_ICEBERG_DOCUMENT names."""
        path = Path(os.environ.get("WEIR_ICEBERG_DOCUMENT") or DOCUMENT)
        return cls(yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))

    @property
    def operations(self) -> set[tuple[str, str]]:
        """All of them, as `("GET", "/v1/{prefix}/namespaces")`."""
        methods = ("get", "head", "post", "put", "delete", "patch")
        return {
            (method.upper(), path) for path, item in self.text["paths"].items() for method in item if method in methods
        }

    def template(self, path: str) -> str | None:
        """The documented path that `path`, relative to `/iceberg`, is an instance of. Fixed words go before variables."""
        found = [template for template, pattern in self._patterns if pattern.fullmatch(path)]
        return min(found, key=lambda template: template.count("{"), default=None)

    def check(self, method: str, path: str, status: int, kind: str, body: bytes) -> list[str]:
        """What is wrong with an answer; nothing when it is as documented. `body` is ignored for HEAD."""
        template = self.template(path)
        if template is None or method.lower() not in self.text["paths"][template]:
            return [f"{method} {path} is not documented"]
        self.asked.add((method, template))
        responses = self.text["paths"][template][method.lower()]["responses"]
        response = self._resolve(self._documented(responses, status))
        if response is None:
            return [f"{method} {template} does not document {status}: {body[:300]!r}"]
        if method == "HEAD":
            return []
        return [f"{method} {template} {status}: {wrong}" for wrong in self._body(response, kind, body)]

    def _body(self, response: dict[str, Any], kind: str, body: bytes) -> list[str]:
        content = response.get("content")
        if not content:
            return [f"a body where none is documented: {body[:200]!r}"] if body else []
        media = kind.split(";")[0].strip()
        if media not in content:
            return [f"content type {kind!r} is none of {sorted(content)}"]
        schema = content[media].get("schema", {})
        instance = yaml.safe_load(body) if not media.endswith("json") else _json(body)
        validator = Draft202012Validator(_anchored(schema), registry=self._registry)
        return [f"{error.json_path}: {error.message[:300]}" for error in list(validator.iter_errors(instance))[:5]]

    @staticmethod
    def _documented(responses: dict[Any, Any], status: int) -> Any:
        by_name = {str(name).upper(): response for name, response in responses.items()}
        for name in (str(status), f"{status // 100}XX", "DEFAULT"):
            if name in by_name:
                return by_name[name]
        return None

    def _resolve(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self.text
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        paths = self.text["paths"]
        return [(path, re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)))) for path in paths]

    @cached_property
    def _registry(self) -> Registry[Any]:
        resource = Resource(contents=self.text, specification=DRAFT202012)
        return Registry().with_resource(_HERE, resource)


def _anchored(node: Any) -> Any:
    """The same schema with its references pointing into the document instead of into itself."""
    if isinstance(node, dict):
        return {
            key: _HERE + value
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _anchored(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_anchored(item) for item in node]
    return node


def _json(body: bytes) -> Any:
    import json

    return json.loads(body)
