"""What users of the shop do."""

import random

from locust import HttpUser, between, task


class Shopper(HttpUser):
    wait_time = between(0.03, 0.09)

    @task(4)
    def item(self):
        self.client.get(f"/items/{random.randint(1, 20000)}", name="/items/[id]")

    @task(3)
    def orders(self):
        self.client.get(f"/customers/{random.randint(1, 20000)}/orders", name="/customers/[id]/orders")

    @task(2)
    def order(self):
        self.client.get(f"/orders/{random.randint(1, 20000)}", name="/orders/[id]")

    @task(1)
    def report(self):
        self.client.get("/report")

    @task(1)
    def new_order(self):
        self.client.post("/orders")
