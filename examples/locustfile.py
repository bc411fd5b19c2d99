"""An ordinary locustfile. Try it: `loadproof demo serve` in one terminal, and in another

    loadproof run examples/locustfile.py --requirements examples/requirements.yaml --stage 10s:20 --stage 30s:20
"""

import random

from locust import HttpUser, between, task


class Customer(HttpUser):
    host = "http://127.0.0.1:8000"
    wait_time = between(0.5, 1.5)

    @task(3)
    def browse(self):
        self.client.get("/api/products")

    @task(1)
    def buy(self):
        self.client.post("/api/orders", json={"product_id": f"prod-{random.randint(1, 200)}"})
