"""What `loadproof demo` runs: an ordinary locustfile, which bare Locust runs as well."""

import random

from locust import HttpUser, between, task


class Borrower(HttpUser):
    """Looks at loans, sometimes applies for one."""

    wait_time = between(0.2, 0.8)
    weight = 3

    def on_start(self):
        answer = self.client.post(
            "/api/auth/login",
            json={"email": f"user{random.randint(1, 1000)}@test.com", "password": "testpass"},
        )
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task(3)
    def dashboard(self):
        self.client.get("/api/dashboard")

    @task(2)
    def loans(self):
        self.client.get("/api/loans")

    @task(1)
    def apply(self):
        loan = {"amount": random.randint(5000, 50000), "purpose": "business", "term_months": 24}
        with self.client.post("/api/loans", json=loan, catch_response=True) as answer:
            if answer.status_code != 201 or "id" not in answer.json():
                answer.failure("no loan was made")


class Shopper(HttpUser):
    """Browses products and buys one now and then."""

    wait_time = between(0.2, 0.8)
    weight = 2

    @task(4)
    def product(self):
        self.client.get(f"/api/products/{random.randint(1, 200)}", name="/api/products/[id]")

    @task(1)
    def order(self):
        self.client.post("/api/orders", json={"product_id": f"prod-{random.randint(1, 200)}"})


class Analyst(HttpUser):
    """Asks for the one expensive report."""

    wait_time = between(2, 4)
    weight = 1

    @task
    def report(self):
        month = {"start_date": "2025-01-01", "end_date": "2025-01-31", "group_by": "day"}
        self.client.get("/api/reports/user-analytics", params=month, name="/api/reports/user-analytics")
