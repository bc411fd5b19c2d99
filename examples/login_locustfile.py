"""Each user logs in as another row of users.csv, and uses what the answers told it.

`loadproof demo serve` in one terminal, and in another:

    loadproof run examples/login_locustfile.py --target http://127.0.0.1:8000 --users 4 --run-time 1m
"""

import csv
import itertools
from pathlib import Path

from locust import HttpUser, between, task

with Path(__file__).with_name("users.csv").open(encoding="utf-8") as file:
    ACCOUNTS = itertools.cycle(list(csv.DictReader(file)))


class Borrower(HttpUser):
    wait_time = between(0.5, 1.5)

    def on_start(self):
        answer = self.client.post("/api/auth/login", json=next(ACCOUNTS), name="login")
        # Correlation: what one answer says is sent with the next requests.
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task
    def apply(self):
        loan = {"amount": 12000, "purpose": "business", "term_months": 24}
        with self.client.post("/api/loans", json=loan, catch_response=True, name="apply") as answer:
            if answer.status_code != 201 or "id" not in answer.json():
                answer.failure("no loan was made")
                return
            made = answer.json()["id"]
        with self.client.get("/api/loans", catch_response=True, name="loans") as answer:
            if all(loan["id"] != made for loan in answer.json()["loans"]):
                answer.failure("the loan that was just made is not in the list")
