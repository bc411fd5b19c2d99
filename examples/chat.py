"""Time to first token, tokens per second and goodput of a chat that streams its answer.

    loadproof demo serve --port 8000
    loadproof run examples/chat.py --target http://127.0.0.1:8000 --requirements examples/chat.yaml \
        -u 10 -r 5 -t 30s
"""

from locust import HttpUser, constant, task


class Reader(HttpUser):
    """Asks, reads the answer to its end, and looks whether all of it came."""

    wait_time = constant(1)

    @task
    def ask(self):
        question = {"say": "is my loan approved?", "words": 30}
        with self.client.post("/chat", json=question, stream=True, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return
            tokens = [line[6:] for line in answer.iter_lines(chunk_size=1) if line.startswith(b"data: ")]
            if tokens[-1:] != [b"[DONE]"] or len(tokens) != question["words"] + 1:
                answer.failure(f"cut off after {len(tokens)} tokens")
