"""Frames survive what a line does to them, or are seen to be damaged."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tightrope.fpga.host.frames import Decoder, reply_bytes
from tightrope.fpga.link.protocol import BLOCK_WORDS, REPLY_MARK, Answer

payloads = st.integers(0, 40).flatmap(
    lambda words: st.binary(min_size=4 * words, max_size=4 * words)
)
replies = st.tuples(st.sampled_from(Answer), st.integers(0, 255), payloads)
noise = st.binary(max_size=30).map(lambda data: data.replace(bytes([REPLY_MARK]), b"\0"))


def said(found):
    return [(reply.answer, reply.number, reply.payload) for reply in found]


@settings(deadline=None)
@given(sent=st.lists(st.tuples(noise, replies), max_size=4), cuts=st.lists(st.integers(0, 600)))
def test_replies_are_found_between_noise_however_they_are_cut(sent, cuts):
    line = b"".join(before + reply_bytes(*reply) for before, reply in sent)
    places = sorted({0, len(line), *(cut for cut in cuts if cut < len(line))})
    decoder = Decoder()
    found = [
        reply
        for begin, end in zip(places, places[1:], strict=False)
        for reply in decoder.feed(line[begin:end])
    ]
    assert said(found) == [reply for _, reply in sent]
    assert decoder.skipped == sum(len(before) for before, _ in sent)


@settings(deadline=None)
@given(reply=replies, place=st.integers(0, 10**6), change=st.integers(1, 255))
def test_a_damaged_byte_is_seen_and_costs_one_reply(reply, place, change):
    damaged = bytearray(reply_bytes(*reply))
    damaged[place % len(damaged)] ^= change
    decoder = Decoder()
    assert decoder.feed(bytes(damaged)) == []
    # What is damaged may speak of as many words as fit a frame.
    found = decoder.feed(b"\0" * 4 * (BLOCK_WORDS + 4) + reply_bytes(*reply))
    assert said(found) == [reply]


@settings(deadline=None)
@given(reply=replies, lost=st.integers(0, 10**6))
def test_a_lost_byte_is_seen(reply, lost):
    whole = reply_bytes(*reply)
    place = lost % len(whole)
    decoder = Decoder()
    assert decoder.feed(whole[:place] + whole[place + 1 :]) == []
    decoder.clear()
    assert said(decoder.feed(whole)) == [reply]


def test_a_count_that_no_frame_has_is_not_waited_for():
    decoder = Decoder()
    far = reply_bytes(Answer.OK, 1)[:4] + (BLOCK_WORDS + 1).to_bytes(4, "little")
    assert decoder.feed(far) == []
    assert said(decoder.feed(reply_bytes(Answer.OK, 2))) == [(Answer.OK, 2, b"")]
