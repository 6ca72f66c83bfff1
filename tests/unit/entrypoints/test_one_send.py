"""What is written in one turn of the loop leaves in one piece, and nothing waits for more."""

import asyncio

import pytest

from payments.entrypoints.connections import OneSend

pytestmark = pytest.mark.anyio


class Recorded(asyncio.Transport):
    """What was handed to the system, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.sent.append(b"END")

    def get_write_buffer_size(self) -> int:
        return 7

    def is_closing(self) -> bool:
        return b"END" in self.sent


@pytest.fixture
async def below() -> Recorded:
    return Recorded()


@pytest.fixture
async def transport(below: Recorded) -> OneSend:
    return OneSend(below, asyncio.get_running_loop())


async def test_a_head_and_its_body_leave_in_one_piece(transport: OneSend, below: Recorded) -> None:
    transport.write(b"head ")
    transport.write(b"body")
    assert transport.get_write_buffer_size() == len(b"head body") + 7
    await asyncio.sleep(0)
    assert below.sent == [b"head body"]
    assert transport.get_write_buffer_size() == 7


async def test_a_head_whose_body_comes_later_does_not_wait_for_it(
    transport: OneSend, below: Recorded
) -> None:
    transport.write(b"head")
    await asyncio.sleep(0)
    transport.write(b"body")
    await asyncio.sleep(0)
    assert below.sent == [b"head", b"body"]


async def test_what_was_written_is_sent_before_the_end(transport: OneSend, below: Recorded) -> None:
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert below.sent == [b"last words", b"END"]
    assert transport.is_closing()


async def test_a_long_answer_does_not_pile_up(transport: OneSend, below: Recorded) -> None:
    transport.write(b"head")
    transport.write(b"x" * 70_000)
    assert [len(piece) for piece in below.sent] == [70_004]
    transport.write(b"rest")
    await asyncio.sleep(0)
    assert below.sent[1:] == [b"rest"]


async def test_what_is_written_to_a_connection_that_is_lost_goes_nowhere(
    transport: OneSend, below: Recorded
) -> None:
    transport.write(b"too late")
    below.close()
    await asyncio.sleep(0)
    assert below.sent == [b"END"]
    assert transport.get_write_buffer_size() == 7
