"""One request and its answer, whoever is asked."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from _cost import REPETITIONS, linear
from _wire import Peer, one_by_one

from trio_wsproxy._http import MAX_BODY, Answer, Exchange, FinalHead, Problem, ProblemKind

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nX-Mine: s3cret\r\n\r\n"
REFUSAL = b"HTTP/1.1 403 No way\r\nX: y\r\nContent-Length: 4\r\n\r\n"


async def asked(peer: Peer) -> tuple[Exchange, FinalHead | Problem]:
    """An exchange whose request is out."""
    exchange = Exchange(peer, "the peer")
    return exchange, await exchange.ask(REQUEST, secret=[b"x-mine"])


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 100\r\n\r\n", b"HTTP/1.1 103 Hints\r\nnonsense\r\n\r\n" * 3]
)
async def test_informational_answers_are_skipped(before: bytes) -> None:
    """The final head is found behind any of them, even broken ones, however it is cut."""
    wire = before + REFUSAL + b"page"
    for pieces in ([wire], one_by_one(wire)):
        exchange, final = await asked(Peer(pieces))
        assert final == FinalHead(403, REFUSAL)
        answer = exchange.read(final)
        headers = ((b"x", b"y"), (b"content-length", b"4"))
        assert answer == Answer(403, b"No way", headers, promises_to_stay=True)
        body = await exchange.body()
        assert (body.data, body.ended) == (b"page", True)


async def test_101_is_final_and_not_judged() -> None:
    """Of a switch of protocols the bytes are given as they are, and those behind it."""
    head = b"HTTP/1.1 101\r\nnonsense\r\n\r\n"
    exchange, final = await asked(Peer(head + b"\x81\x00"))
    assert final == FinalHead(101, head)
    assert exchange.rest == b"\x81\x00"


@pytest.mark.parametrize(
    ("wire", "kind", "received"),
    [
        (b"", ProblemKind.CUT_OFF, b""),
        (b"HTTP/1.1 2", ProblemKind.CUT_OFF, b"HTTP/1.1 2"),
        (b"HTTP/1.1 100\r\n\r\n", ProblemKind.CUT_OFF, b""),
        (b"\x05\xff", ProblemKind.NOT_HTTP, b"\x05\xff"),
        (b"HTTP/2 200\r\n\r\n", ProblemKind.BROKEN_HEAD, b"HTTP/2 200\r\n\r\n"),
    ],
)
async def test_what_is_no_answer(wire: bytes, kind: ProblemKind, received: bytes) -> None:
    """What went wrong is a value, with what had come by then."""
    _, problem = await asked(Peer(wire))
    assert isinstance(problem, Problem)
    assert (problem.kind, problem.received, problem.cause) == (kind, received, None)


async def test_a_stream_that_breaks() -> None:
    """It is told with its cause."""
    _, problem = await asked(Peer(b"HTTP", then="reset"))
    assert isinstance(problem, Problem)
    assert problem.kind is ProblemKind.BROKE_WHILE_ANSWERING
    assert isinstance(problem.cause, trio.BrokenResourceError)


class Resets(Peer):
    """A peer that says what it has to say and resets the connection, whatever it is sent."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Fail as the reset has it; what was received by then is still there."""
        await super().send_all(data)
        raise trio.BrokenResourceError("the request crossed a reset")


async def test_the_last_word_of_a_peer() -> None:
    """What came before a request could not be sent is read: an answer, or why TLS was broken off."""
    _, final = await asked(Resets(REFUSAL, then="reset"))
    assert final == FinalHead(403, REFUSAL)
    _, problem = await asked(Resets(b"", then="reset"))
    assert isinstance(problem, Problem)
    assert problem.kind is ProblemKind.BROKE_WHILE_ASKED
    assert problem.cause is not None
    assert isinstance(problem.cause.__cause__, ConnectionResetError)  # as receiving has it


@pytest.mark.parametrize("then", ["eof", "silence"])
async def test_no_last_word(autojump_clock: trio.testing.MockClock, then: Any) -> None:
    """Where nothing more comes, sending says what went wrong; a second is waited at most."""
    start = trio.current_time()
    _, problem = await asked(Resets(b"HTTP/1", then=then))
    assert isinstance(problem, Problem)
    assert problem.kind is ProblemKind.BROKE_WHILE_ASKED
    assert str(problem.cause) == "the request crossed a reset"
    assert trio.current_time() - start == pytest.approx(1 if then == "silence" else 0)


@pytest.mark.parametrize(
    "line",
    [b"X y: s3cret", b"nonsense", b"X\xc3\xa4: s3cret", b"X: a\rs3cret", b"X: \0", b"Server : x"],
)
async def test_a_broken_line(line: bytes) -> None:
    """A header line that HTTP does not allow takes nothing away from what the status says."""
    wire = REFUSAL.replace(b"X: y", line) + b"page"
    exchange, final = await asked(Peer(wire))
    assert isinstance(final, FinalHead)
    answer = exchange.read(final)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason, answer.promises_to_stay) == (403, b"No way", True)
    assert set(answer.headers) - {(b"server", b"x")} == {(b"content-length", b"4")}
    assert (await exchange.body()).data == b"page"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nContent-Length: 3",
        b"Content-Length : 2",
        b"Content-Length: 2\0\r\nContent-Length: 2",
        b"Transfer-Encoding: chunked, chunked, gzip",
    ],
)
async def test_framing_that_contradicts_itself(lines: bytes) -> None:
    """Then the body ends with the stream, and nothing more is asked on it."""
    wire = REFUSAL.replace(b"Content-Length: 4", lines) + b"the page"
    exchange, final = await asked(Peer(wire))
    assert isinstance(final, FinalHead)
    answer = exchange.read(final)
    assert isinstance(answer, Answer)
    assert not answer.promises_to_stay
    assert (await exchange.body()).data == b"the page"


async def test_a_switch_that_nobody_asked_for() -> None:
    """A 101 is no answer to a request that is not for one."""
    exchange, final = await asked(Peer(b"HTTP/1.1 101 Switching\r\nUpgrade: s3cret\r\n\r\n"))
    assert isinstance(final, FinalHead)
    problem = exchange.read(final)
    assert isinstance(problem, Problem)
    assert problem.kind is ProblemKind.BROKEN_HEAD
    assert problem.text
    assert "s3cret" not in problem.text


@pytest.mark.parametrize("repetition", REPETITIONS)
@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Connection: close"])
def test_cost_of_a_body_is_linear(framing: bytes, repetition: str) -> None:
    """However a body is filled, reading it costs what it weighs."""

    def read(text: str) -> None:
        async def run() -> None:
            data = text.encode()
            pieces = [data[start : start + 4096] for start in range(0, len(data), 4096)]
            exchange, final = await asked(Peer([b"HTTP/1.1 403 No\n" + framing + b"\n\n", *pieces]))
            assert isinstance(final, FinalHead)
            exchange.read(final)
            await exchange.body()

        trio.run(run)

    assert linear(read, repetition)


async def test_the_bound_of_a_body() -> None:
    """Of a body that does not end no more is read than is kept."""
    exchange, final = await asked(Peer([b"HTTP/1.1 403\r\n\r\n", *[b"x" * 4096] * 20]))
    assert isinstance(final, FinalHead)
    assert isinstance(exchange.read(final), Answer)
    body = await exchange.body()
    assert (body.data, body.ended) == (b"x" * MAX_BODY, False)


async def test_the_patience_with_a_body(autojump_clock: trio.testing.MockClock) -> None:
    """A body that does not come is waited for during a second."""
    exchange, final = await asked(Peer(REFUSAL + b"pa", then="silence"))
    assert isinstance(final, FinalHead)
    exchange.read(final)
    start = trio.current_time()
    body = await exchange.body()
    assert (body.data, body.ended) == (b"pa", False)
    assert trio.current_time() - start == pytest.approx(1)


async def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Question and answer are logged, without what the caller calls a secret."""
    with caplog.at_level(logging.DEBUG, "trio_wsproxy"):
        await asked(Peer(REFUSAL))
    assert [record.getMessage() for record in caplog.records] == [
        "asks the peer: GET / HTTP/1.1 | Host: a | X-Mine: ***",
        "the peer answers: HTTP/1.1 403 No way | X: *** | Content-Length: 4",
    ]
