"""A chat endpoint that misbehaves in every way that a network knows."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.trainer.segmentation.chat import KEY, Chat, Reply, chatting
from trainer.errors import ConfigurationError
from trainer.segmentation.chat_endpoint import ChatEndpoint, Limits, NoAnswerError, address_of

QUICK = Limits(read_seconds=0.1, answer_seconds=5.0, retries=2, pause_seconds=0.001, longest_pause_seconds=0.2)


@pytest.fixture
def chat() -> Iterator[Chat]:
    with chatting() as chat:
        yield chat


def endpoint(chat: Chat, limits: Limits = QUICK, *, key: str = KEY, url: str = "") -> ChatEndpoint:
    address = {"SPARSESHELF_LLM_URL": url or chat.url, "SPARSESHELF_LLM_MODEL": "tiny", "SPARSESHELF_LLM_KEY": key}
    return ChatEndpoint(address_of(address), limits)


def asked(endpoint: ChatEndpoint, times: int = 1) -> list[str]:
    """What came of the same question, asked `times` times: the answers, or why there are none."""
    found = []
    with endpoint as open_:
        for _ in range(times):
            try:
                found.append(open_.ask(open_.body("Which shelf?")))
            except NoAnswerError as error:
                found.append(str(error))
    return found


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_question_goes_to_the_model_with_the_key(chat: Chat) -> None:
    chat.script = [Reply(says="War Films")]
    assert asked(endpoint(chat)) == ["War Films"]
    assert chat.paths == ["/v1/chat/completions"]
    assert chat.headers[0]["Authorization"] == f"Bearer {KEY}"
    message = {"role": "user", "content": "Which shelf?"}
    assert chat.asked == [{"model": "tiny", "messages": [message], "temperature": 0, "max_tokens": 1024}]


def test_a_local_server_needs_no_key_and_the_address_may_have_a_slash_and_a_query(chat: Chat) -> None:
    asked(endpoint(chat, key="", url=f"{chat.url}/?api-version=7"))
    assert "Authorization" not in chat.headers[0]
    assert chat.paths == ["/v1/chat/completions?api-version=7"]


def test_a_local_server_is_not_asked_through_a_proxy(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    chat.script = [Reply(says="War Films")]
    assert asked(endpoint(chat)) == ["War Films"]


@pytest.mark.parametrize(
    "first",
    [Reply(status) for status in (408, 429, 500, 502, 503, 504)] + [Reply(closes=True), Reply(hangs=True)],
    ids=lambda reply: "closed" if reply.closes else "hangs" if reply.hangs else str(reply.status),
)
def test_what_may_pass_is_tried_again(chat: Chat, first: Reply, caplog: pytest.LogCaptureFixture) -> None:
    chat.script = [first, first, Reply(says="War Films")]
    begun = time.monotonic()
    assert asked(endpoint(chat)) == ["War Films"]
    assert time.monotonic() - begun < 3
    assert len(chat.asked) == 3
    assert not warnings(caplog)


def test_a_question_is_tried_so_often_and_no_more(chat: Chat) -> None:
    chat.script = [Reply(500)] * 3
    assert asked(endpoint(chat), 2) == ["the server answered 500", '{"name": "SomeThing Picks"}']
    assert len(chat.asked) == 4


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_up_to_a_bound(chat: Chat, form: str) -> None:
    later = "3600" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    chat.script = [Reply(429, headers={"Retry-After": later}), Reply(says="War Films")]
    begun = time.monotonic()
    assert asked(endpoint(chat)) == ["War Films"]
    assert 0.2 <= time.monotonic() - begun < 2


@pytest.mark.parametrize("nonsense", ["soon", "-5", "Wed, 99 Foo 2020", "٣", ""])
def test_a_retry_after_that_says_nothing_is_not_waited_for(chat: Chat, nonsense: str) -> None:
    chat.script = [Reply(503, headers={"Retry-After": nonsense.encode().decode("latin-1")}), Reply(says="War Films")]
    begun = time.monotonic()
    assert asked(endpoint(chat)) == ["War Films"]
    assert time.monotonic() - begun < 0.19


def test_pauses_become_longer_up_to_a_bound_and_differ() -> None:
    limits = Limits(pause_seconds=1.0, longest_pause_seconds=20.0)
    for retry in range(4):
        pauses = [limits.pause(retry) for _ in range(50)]
        assert 2**retry <= min(pauses) < max(pauses) <= 1.5 * 2**retry
    assert limits.pause(9) == limits.pause(0, 3600) == 20
    assert limits.pause(0, 7) == 7


def test_an_answer_without_end_is_cut(chat: Chat) -> None:
    chat.script = [Reply(endless=True)]
    begun = time.monotonic()
    assert asked(endpoint(chat))[0] == "the answer did not come to its end"
    assert time.monotonic() - begun < 2


def test_an_answer_that_takes_too_long_is_cut(chat: Chat) -> None:
    chat.script = [Reply(endless=True)]
    limits = replace(QUICK, body_bytes=2**40, answer_seconds=0.05)
    assert asked(endpoint(chat, limits)) == ["the answer did not come to its end"]


def test_what_is_no_chat_completion_is_no_answer_and_is_not_asked_for_again(chat: Chat) -> None:
    bodies = [
        b"<html>log in</html>",
        b"",
        b"\xff\xfe",
        b"[" * 10_000,
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": [{"text": "old"}]}',
        b'{"choices": [{"message": "War"}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": ["War"]}}]}',
    ]
    chat.script = [reply for body in bodies for reply in (Reply(body=body), Reply(says="War"))]
    assert asked(endpoint(chat), 2 * len(bodies)) == ["what came was no chat completion", "War"] * len(bodies)
    assert len(chat.asked) == 2 * len(bodies)


def test_a_message_without_content_is_an_empty_answer(chat: Chat) -> None:
    chat.script = [Reply(body=b'{"choices": [{"message": {"content": null}}]}')]
    assert asked(endpoint(chat)) == [""]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "set SPARSESHELF_LLM_KEY to a key that it accepts"),
        (403, "set SPARSESHELF_LLM_KEY to a key that it accepts"),
        (404, "(no such model); see that SPARSESHELF_LLM_URL is what comes before /chat/completions"),
        (405, "see that SPARSESHELF_LLM_URL is what comes before /chat/completions"),
    ],
)
def test_what_every_question_would_get_stops_the_asking_with_one_warning(
    chat: Chat, status: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = [Reply(status, body=b'{"error": {"message": "no such model"}}')]
    assert asked(endpoint(chat), 3) == [f"the server answered {status}"] * 3
    assert len(chat.asked) == 1
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{chat.url}/chat/completions answers {status}")
    assert words in warning


@pytest.mark.parametrize("status", [302, 307])
def test_the_key_is_not_taken_to_another_host(chat: Chat, status: int, caplog: pytest.LogCaptureFixture) -> None:
    with chatting() as elsewhere:
        chat.script = [Reply(status, headers={"Location": f"{elsewhere.url}/chat/completions"})]
        assert asked(endpoint(chat), 2) == [f"the server answered {status}"] * 2
        assert elsewhere.paths == []
    (warning,) = warnings(caplog)
    assert "is not followed; set SPARSESHELF_LLM_URL" in warning


def test_a_refusal_of_one_question_is_not_tried_again_and_does_not_stop_the_others(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = [Reply(400), Reply(says="War Films"), Reply(422), Reply(413), Reply(says="Comedies")]
    told = ["the server answered 400", "War Films", "the server answered 422", "the server answered 413", "Comedies"]
    assert asked(endpoint(chat), 5) == told
    assert len(chat.asked) == 5
    assert not warnings(caplog)


def test_three_refusals_in_a_row_stop_the_asking_in_the_words_of_the_server(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = [Reply(400, body=b'{"error": "temperature\\n must be 1"}')] * 3
    assert asked(endpoint(chat), 5) == ["the server answered 400"] * 5
    assert len(chat.asked) == 3
    (warning,) = warnings(caplog)
    assert "3 times in a row the server answered 400 (temperature  must be 1). No more" in warning


def test_a_server_that_is_not_there_stops_the_asking(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    first, second = asked(endpoint(chat, url=url), 2)
    assert first == second
    assert first.startswith("no connection (")
    (warning,) = warnings(caplog)
    assert "see that the server runs and that SPARSESHELF_LLM_URL is right" in warning


def test_the_budget_counts_every_request_and_is_told_once(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    chat.script = [Reply(says="a"), Reply(500), Reply(says="b"), Reply(500)]
    told = asked(endpoint(chat, replace(QUICK, requests=4)), 5)
    assert told == ["a", "b", *["--llm-budget 4 is used up"] * 3]
    assert len(chat.asked) == 4
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_server_that_echoes_the_key_is_not_quoted(chat: Chat, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    chat.script = [Reply(status, body=json.dumps({"error": {"message": f"bad key {KEY[2:14]}***"}}).encode())] * 9
    assert not any(KEY[3:12] in why for why in asked(endpoint(chat), 3))
    assert warnings(caplog)
    assert KEY[3:12] not in caplog.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"URL": ""}, "set SPARSESHELF_LLM_URL"),
        ({"MODEL": " "}, "set SPARSESHELF_LLM_MODEL"),
        ({"MODEL": "a\udcff"}, "set SPARSESHELF_LLM_MODEL"),
        ({"URL": "localhost:11434/v1"}, "SPARSESHELF_LLM_URL must begin with http"),
        ({"URL": "ftp://host/v1"}, "SPARSESHELF_LLM_URL must begin with http"),
        ({"URL": "http://"}, "SPARSESHELF_LLM_URL must begin with http"),
        ({"URL": "http://ho\nst/v1"}, "SPARSESHELF_LLM_URL must begin with http"),
        ({"URL": f"http://me:{KEY}@host/v1"}, "must not hold a user or a password"),
        ({"KEY": f"{KEY}\nX: y"}, "SPARSESHELF_LLM_KEY holds characters"),
        ({"KEY": f"{KEY}é"}, "SPARSESHELF_LLM_KEY holds characters"),
    ],
    ids=str,
)
def test_a_wrong_configuration_is_refused_and_not_shown(changes: dict[str, str], words: str) -> None:
    good = {"URL": "http://localhost:11434/v1", "MODEL": "tiny", "KEY": KEY}
    given = {f"SPARSESHELF_LLM_{name}": value for name, value in {**good, **changes}.items()}
    with pytest.raises(ConfigurationError, match=words) as refused:
        address_of(given)
    assert KEY not in str(refused.value)


def test_an_address_shows_neither_key_nor_query() -> None:
    given = {"URL": f"http://host/v1?key={KEY}", "MODEL": "tiny", "KEY": KEY}
    address = address_of({f"SPARSESHELF_LLM_{name}": value for name, value in given.items()})
    assert address.shown == "http://host/v1/chat/completions"
    assert KEY not in repr(address)
