"""What Locust takes, and what then raises with each task of each user, is told before the load."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

WRONG = """
class Page(HttpUser):
    abstract = True

    @task
    def look(self):
        self.client.get("/")

class Number(Page):
    wait_time = 5

class Pair(Page):
    wait_time = (1, 3)

class Uncalled(Page):
    wait_time = between

class Text(Page):
    wait_time = constant("5")

class Mixed(Page):
    wait_time = between(1, "3")

class Negative(Page):
    wait_time = constant(-1)

class Selfless(Page):
    wait_time = lambda: 5

class Heavy(Page):
    weight = "3"

class Begins(Page):
    def on_start():
        pass

class Greedy(Page):
    @task
    def take(self, more):
        pass

class Outer(Page):
    @task
    class Inner(TaskSet):
        wait_time = 3

        @task
        def leave(self):
            self.interrupt()
"""
RIGHT = """
import decimal, functools
class Page(HttpUser):
    abstract = True

    @task
    def look(self):
        self.client.get("/")

class Paced(Page):
    wait_time = constant_throughput(2)

class Method(Page):
    def wait_time(self):
        return 5

class Static(Page):
    wait_time = staticmethod(lambda: 5)

class Nothing(Page):
    wait_time = None

class Waits(Page):
    @task
    class Inner(TaskSet):
        wait_time = 5

        def wait(self):
            self._sleep(self.wait_time)

        @task
        def leave(self):
            self.interrupt()

class Loops(Page):
    wait_time = 5

    def run(self):
        self.look()

class Never(Page):
    weight = 0
    wait_time = 5

def free(user, *more):
    user.client.get("/free")

class Listed(Page):
    tasks = {free: 3}

def with_page(function):
    @functools.wraps(function)
    def opened(user):
        function(user, "page")
    return opened

class Browser(Page):
    @task
    @with_page
    def read(self, page):
        self.client.get(f"/{page}")

class Handed(Page):
    @task
    class Inner(TaskSet):
        def execute_task(self, task):
            task(self, "basket")

        @task
        def buy(self, basket):
            self.interrupt()

class Unsigned(Page):
    wait_time = int

class Lazy(Page):
    @functools.cached_property
    def wait_time(self):
        return constant_pacing(self.environment.parsed_options.num_users).__get__(self)

class Exact(Page):
    wait_time = constant(decimal.Decimal("0.5"))

class Waiter:
    def __call__(self):
        return 5

class Object(Page):
    wait_time = Waiter()

class Later(Page):
    wait_time = 5

    def on_start(self):
        self.wait_time = lambda: 5
"""
FLAGS = ("-u", "1", "-t", "1")


def test_what_would_raise_with_each_task_is_told_with_its_line(lab: Lab) -> None:
    """All of them at once, each with what was meant."""
    text = WRONG.splitlines()
    told = {problem.message: problem for problem in lab.inspect(WRONG, *FLAGS).problems}
    between = "write wait_time = between(1, 3), in seconds, with `from locust import between`"
    first = lab.locustfile(WRONG).read_text().splitlines().index("class Page(HttpUser):") - text.index(
        "class Page(HttpUser):"
    )
    expected = {
        "Number.wait_time is 5, and Locust calls it: each task would raise": (
            "    wait_time = 5", "write wait_time = constant(5), with `from locust import constant`"),
        "Pair.wait_time is (1, 3), and Locust calls it: each task would raise": (
            "    wait_time = (1, 3)", between),
        "Uncalled.wait_time is between without its seconds": ("    wait_time = between", between),
        "Text.wait_time gives '5', which is no number of seconds": (
            '    wait_time = constant("5")', between),
        "Mixed.wait_time cannot be computed: unsupported operand type(s) for -: 'str' and 'int'": (
            '    wait_time = between(1, "3")', between),
        "Negative.wait_time gives -1, which is no number of seconds": (
            "    wait_time = constant(-1)", between),
        "Selfless.wait_time cannot be called by Locust: it takes no argument, not even self": (
            "    wait_time = lambda: 5", "write def wait_time(self): ..., or between(1, 3)"),
        "Heavy.weight is '3', and must be a number of 0 or more": ('    weight = "3"', "write weight = 3"),
        "Begins.on_start cannot be called by Locust: it takes no argument, not even self": (
            "    def on_start():", "write def on_start(self): ..."),
        "Greedy.take cannot be called by Locust: missing a required argument: 'more'": (
            "    def take(self, more):", "write def take(self): ..."),
        "Inner.wait_time is 3, and Locust calls it: each task would raise": (
            "        wait_time = 3", "write wait_time = constant(3), with `from locust import constant`"),
    }  # fmt: skip
    assert told.keys() == expected.keys()
    for message, (line, hint) in expected.items():
        assert told[message].hint == hint
        assert told[message].where == f"{lab.folder / 'locustfile.py'}:{first + text.index(line) + 1}"


def test_what_locust_can_play_is_left_alone(lab: Lab) -> None:
    """A wait of their own, one that nobody asks for or that is replaced by then; users that never start."""
    assert lab.inspect(RIGHT, *FLAGS).problems == ()
