"""A service with a certificate of the team's own authority, and a client certificate.

Paths come from the environment: no key lies beside the scenario. Loadproof itself reads SSL_CERT_FILE,
when it looks before the load whether the target answers:

    export SSL_CERT_FILE=ca.pem
    loadproof run examples/tls_locustfile.py --target https://127.0.0.1:8443 --users 20 --run-time 1m \\
        --env CLIENT_CERT=client.pem --env CLIENT_KEY=client.key
"""

import os

from locust import HttpUser, between, task


class Customer(HttpUser):
    wait_time = between(0.5, 1.5)

    def on_start(self):
        self.client.verify = os.environ["SSL_CERT_FILE"]
        if "CLIENT_CERT" in os.environ:
            self.client.cert = (os.environ["CLIENT_CERT"], os.environ["CLIENT_KEY"])

    @task
    def page(self):
        self.client.get("/")
