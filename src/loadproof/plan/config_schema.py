"""loadproof.yaml as a JSON Schema: made from the models that read it, so that both say the same."""

from __future__ import annotations

import json

from loadproof.plan.schema import Config

SCHEMA_FILE = "loadproof.schema.json"
"""Where `loadproof init` writes it, beside loadproof.yaml."""


def config_schema() -> str:
    """The schema as text, of JSON Schema 2020-12; what only the whole file can tell is left to `check`."""
    schema = Config.model_json_schema()
    schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "loadproof.yaml"}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
