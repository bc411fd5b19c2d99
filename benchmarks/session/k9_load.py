"""The POST scenario for K9 (`k9-load` on PyPI): the same request and the same check."""

import os

import k9


async def default():
    answer = await k9.http.post(os.environ["URL"] + "/api", json={"user": "a", "n": [1, 2, 3]})
    k9.check(answer, {"good": lambda a: a.status == 200 and a.json()["id"] == 42})
