"""A chat that answers word by word, as language models do. It needs no token and no database."""

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle, islice

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from loadproof.demo.exchange import RequestBody, read_body

_FIRST_S = 0.1
_GAP_S = 0.02
_WORDS = ("your", "loan", "is", "approved", "and", "the", "first", "payment", "is", "due", "soon")


class Question(RequestBody):
    """What is asked, and how many words the answer has."""

    say: str = Field(max_length=10_000)
    words: int = Field(default=30, ge=1, le=500)


class Chat:
    """The endpoint."""

    async def answer(self, request: Request) -> Response:
        """Server-sent events: a word each, then `[DONE]`."""
        question = await read_body(request, Question)
        return StreamingResponse(_events(question.words), media_type="text/event-stream")


async def _events(words: int) -> AsyncIterator[bytes]:
    await asyncio.sleep(_FIRST_S)
    for number, word in enumerate(islice(cycle(_WORDS), words)):
        if number:
            await asyncio.sleep(_GAP_S)
        yield f"data: {word}\n\n".encode()
    yield b"data: [DONE]\n\n"
