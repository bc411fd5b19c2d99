"""What is coded once for equal blocks is what hpack codes each time."""

from __future__ import annotations

from hpack import Decoder, Encoder
from hypothesis import example, given
from hypothesis import strategies as st

from loadproof.engines.locust.session.http2_hpack import RememberingDecoder, RememberingEncoder

_FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b":path", b"cookie", b"x-a", b"date"]), st.sampled_from([b"", b"/", b"a" * 90])
    ),
    max_size=4,
)


@example([0, [], 60, 60, [(b":path", b""), (b":path", b"")]])
@given(st.lists(st.one_of(_FIELDS, st.sampled_from([0, 60, 200, 4096, 2**32 - 1])), max_size=30))
def test_blocks_are_hpacks_whatever_came_before(said: list[list[tuple[bytes, bytes]] | int]) -> None:
    ours, theirs = RememberingEncoder(), Encoder()
    reader, plain = RememberingDecoder(), Decoder()
    for one in said:
        if isinstance(one, int):
            ours.header_table_size = one
            size = min(one, 4096)  # ours takes no more from any server
            if size != theirs.header_table_size:  # hpack itself forgets to tell of one that is said twice
                theirs.header_table_size = size
            continue
        block = ours.encode(iter(one))
        assert block == theirs.encode(one)
        assert reader.decode(block, raw=True) == plain.decode(block, raw=True) == one
        assert ours.header_table.dynamic_entries == theirs.header_table.dynamic_entries
        assert reader.header_table.dynamic_entries == plain.header_table.dynamic_entries


def test_a_block_that_leaves_the_table_as_it_was_is_coded_once() -> None:
    encoder, decoder = RememberingEncoder(), RememberingDecoder()
    fields = [(b":path", b"/"), (b"x-a", b"b")]
    blocks = [encoder.encode(fields) for _ in range(3)]
    assert blocks[0] != blocks[1]
    assert blocks[1] is blocks[2]
    read = [decoder.decode(block, raw=True) for block in blocks]
    assert read[1] is read[2]
