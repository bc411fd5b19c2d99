"""From an OpenAPI description to a locustfile."""
