"""One page, asked for again and again: what `loadproof doctor --calibrate` measures with."""

from locust import HttpUser, constant, task


class SmallestUser(HttpUser):
    """A user without think time."""

    wait_time = constant(0)

    @task
    def read(self) -> None:
        """The page at the root."""
        self.client.get("/")
