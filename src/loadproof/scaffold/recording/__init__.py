"""From a browser's recording (HAR) to a locustfile."""
