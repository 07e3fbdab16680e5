"""Labels by a language model that answers over HTTP: which are taken, asked again, kept, and fallen back from."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.catalog import Catalog
from index.vocabulary import Strings
from tests.trainer.segmentation.chat import KEY, Chat, Reply, chatting
from tests.trainer.segmentation.test_describe import describer_of, lists
from trainer.errors import ConfigurationError
from trainer.segmentation.answers_file import AnswersFile
from trainer.segmentation.chat_endpoint import ChatEndpoint, Limits, address_of
from trainer.segmentation.describe import Describer
from trainer.segmentation.labels_file import LabelsFile
from trainer.segmentation.language_model import ITEMS_TOLD, LanguageModel
from trainer.segmentation.naming import Naming
from trainer.segmentation.terms import words

GENRES = ["Comedy", "War", "Horror", "Western"]
KEYWORDS = GENRES[:4]


@pytest.fixture
def chat() -> Iterator[Chat]:
    with chatting() as chat:
        yield chat


@pytest.fixture
def shop() -> tuple[Describer, list[NDArray[np.int64]]]:
    """Four classes of 24 films each, of a genre each."""
    titles = [f"Film {row}" for row in range(96)]
    describer = describer_of(titles, {"genres": lists([[GENRES[row // 24]] for row in range(96)])})
    return describer, np.split(np.arange(96), 4)


Shop = tuple[Describer, list[NDArray[np.int64]]]


def model(chat: Chat, folder: Path, **limits: float) -> LanguageModel:
    address = {"SPARSESHELF_LLM_URL": chat.url, "SPARSESHELF_LLM_MODEL": "tiny", "SPARSESHELF_LLM_KEY": KEY}
    quick = Limits(**{"retries": 0, "read_seconds": 1.0, "pause_seconds": 0.001, **limits})  # type: ignore[arg-type]
    return LanguageModel(ChatEndpoint(address_of(address), quick), AnswersFile(folder / "answers.jsonl"))


def labels(
    model: LanguageModel | None, shop: Shop, caplog: pytest.LogCaptureFixture, written: dict[str, str] | None = None
) -> list[str]:
    caplog.set_level(logging.INFO)
    caplog.clear()
    describer, classes = shop
    return Naming(model, LabelsFile("labels.csv", written) if written else None).labels(
        describer, classes, ["s1", "s2", "s3", "s4"]
    )


def told(caplog: pytest.LogCaptureFixture) -> str:
    """The last line of the log."""
    return str(caplog.records[-1].getMessage())


def names(*given: str) -> list[Reply]:
    return [Reply(says=json.dumps({"name": name})) for name in given]


def test_without_a_model_labels_are_keywords(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert labels(None, shop, caplog) == KEYWORDS
    assert not caplog.records


def test_every_segment_is_called_what_the_model_answers(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = names("laugh out loud", "In the trenches", "Screams", "Out West")
    assert labels(model(chat, tmp_path), shop, caplog) == ["Laugh Out Loud", "In The Trenches", "Screams", "Out West"]
    assert told(caplog) == ("labels of 4 segments: 4 from the language model, 0 from its kept answers, 0 from keywords")


def test_a_question_tells_the_keywords_and_the_strongest_items(
    chat: Chat, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    titles = [f"Film {row}" for row in range(30)] + ["Two\nLines", "x" * 500, *["other"] * 90]
    genres = [["War", "Drama"]] * 32 + [["Comedy"]] * 90
    popularity = [0.5 - row / 100 for row in range(30)] + [0.9, 0.8] + [0.1] * 90
    describer = describer_of(titles, {"genres": lists(genres)}, popularity)
    labels(model(chat, tmp_path), (describer, [np.arange(32)]), caplog)
    (question,) = chat.questions
    assert "most telling first: Drama, War, Film" in question
    items = [line[2:] for line in question.splitlines() if line.startswith("- ")]
    assert items[0].startswith("Two Lines")
    assert items[1] == "x" * 159 + "…"
    assert [item.split(".")[0] for item in items[2:]] == [f"Film {row}" for row in range(ITEMS_TOLD - 2)]


def test_a_rerun_asks_nothing(chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chat.script = [*names("Same", "Same", "Other"), Reply(says=""), Reply(says="A b c d e f g h")]
    first = model(chat, tmp_path)
    found = labels(first, shop, caplog)
    assert len(chat.asked) == 5
    again = model(chat, tmp_path)
    assert labels(again, shop, caplog) == found == ["Same", "Other", "Horror", "Western"]
    assert len(chat.asked) == 5
    assert told(caplog) == (
        "labels of 4 segments: 0 from the language model, 2 from its kept answers, 2 from keywords "
        "(an empty answer: 1; a name that is too long: 1)"
    )
    assert again.digest == first.digest != model(chat, tmp_path).digest


def test_another_model_is_asked_anew(chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels(model(chat, tmp_path), shop, caplog)
    address = {"SPARSESHELF_LLM_URL": chat.url, "SPARSESHELF_LLM_MODEL": "other"}
    other = LanguageModel(ChatEndpoint(address_of(address)), AnswersFile(tmp_path / "answers.jsonl"))
    labels(other, shop, caplog)
    assert [asked["model"] for asked in chat.asked] == ["tiny"] * 4 + ["other"] * 4


def test_a_name_that_is_taken_is_asked_for_once_more_with_the_names_that_are(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = names("Great Films", "Fun Films", "films great", "Screams", "Out West")
    assert labels(model(chat, tmp_path), shop, caplog) == ["Great Films", "Fun Films", "Screams", "Out West"]
    assert not any("taken" in chat.questions[place] for place in (0, 1, 2, 4))
    assert "taken by other shelves, so find a different one: Films Great; Fun Films; Great Films" in chat.questions[3]
    assert chat.questions[3].splitlines()[:5] == chat.questions[2].splitlines()[:5]


def test_a_segment_whose_second_name_is_taken_too_keeps_its_keywords(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = names("Great Films", "great film", "Great Films", "Screams", "Out West")
    assert labels(model(chat, tmp_path), shop, caplog) == ["Great Films", "War", "Screams", "Out West"]
    assert "1 from keywords (a name that is taken: 1)" in told(caplog)


def test_no_segment_gets_the_keywords_of_one_that_may_fall_back_on_them(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = [*names("Western", "Gun Fights", "Comedy", "Screams"), Reply(400)]
    assert labels(model(chat, tmp_path), shop, caplog) == ["Gun Fights", "Comedy", "Screams", "Western"]
    assert "different one: Western" in chat.questions[1]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(says=""),
        Reply(says="x" * 41),
        Reply(says="War.\nBecause they fight."),
        Reply(says="I cannot help with that."),
        Reply(says="War\x07"),
        Reply(body=b"{"),
        Reply(body=b'{"choices": []}'),
        Reply(400),
        Reply(500),
        Reply(closes=True),
        Reply(endless=True),
    ],
    ids=["empty", "long", "lines", "prose", "bell", "no JSON", "no choices", "400", "500", "closed", "endless"],
)
def test_without_a_usable_answer_a_segment_keeps_its_keywords(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    chat.script = [*names("Fun"), reply, *names("Screams", "Out West")]
    assert labels(model(chat, tmp_path), shop, caplog) == ["Fun", "War", "Screams", "Out West"]
    assert "3 from the language model, 0 from its kept answers, 1 from keywords (" in told(caplog)


def test_when_nothing_answers_all_labels_are_keywords(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = [Reply(401)]
    assert labels(model(chat, tmp_path), shop, caplog) == KEYWORDS
    assert len(chat.asked) == 1
    assert "4 from keywords (the server answered 401: 4)" in told(caplog)


def test_labels_stay_distinct_whatever_a_model_answers(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    answers = [*GENRES, "western", "Wars", "Fun", "fun", "", "A Name That Is Too Long To Be One"]
    for run in range(6):
        chat.script = names(*rng.choice(answers, 8))
        found = labels(model(chat, tmp_path / str(run)), shop, caplog)
        assert len({words(label) for label in found}) == 4


def test_kept_answers_serve_though_nothing_more_may_be_asked(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = names("Fun", "Trenches")
    assert labels(model(chat, tmp_path, requests=2), shop, caplog) == ["Fun", "Trenches", "Horror", "Western"]
    assert sum("--llm-budget 2 is used up;" in record.getMessage() for record in caplog.records) == 1
    assert labels(model(chat, tmp_path, requests=0), shop, caplog) == ["Fun", "Trenches", "Horror", "Western"]
    chat.script = names("Screams", "Out West")
    assert labels(model(chat, tmp_path, requests=2), shop, caplog) == ["Fun", "Trenches", "Screams", "Out West"]
    assert "2 from the language model, 2 from its kept answers, 0 from keywords" in told(caplog)
    assert len(chat.asked) == 4


def test_what_a_person_wrote_wins_and_is_not_asked_for(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat.script = names("Saddle Up", "Fun", "Trenches", "Screams")
    found = labels(model(chat, tmp_path), shop, caplog, {"s4": "saddle up", "s9": "Gone"})
    assert found == ["Fun", "Trenches", "Screams", "saddle up"]
    assert "labels of 3 segments" in told(caplog)
    assert "no segment has the id s9" in caplog.text
    assert labels(None, shop, caplog, {"s2": "Trenches"}) == ["Comedy", "Trenches", "Horror", "Western"]


def test_two_segments_of_one_label_are_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert labels(None, shop, caplog, {"s2": "Comedy"}) == ["Comedy", "Comedy", "Horror", "Western"]
    assert told(caplog) == "several segments are called Comedy; see --labels-file"


def test_a_segment_of_which_nothing_is_known_is_not_asked_for(
    chat: Chat, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    describer = describer_of(["Alien", "", ""], item_ids=["a", "b", "c"])
    assert labels(model(chat, tmp_path), (describer, [np.array([1, 2])]), caplog) == ["Like b"]
    assert not chat.asked
    assert "1 from keywords (nothing is known of the items: 1)" in told(caplog)


def test_a_catalogue_without_words_is_refused(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--labels llm needs titles or attributes: name their file with"):
        Naming(model(chat, tmp_path)).refuse_without_words(Catalog(Strings.pack(["", ""]), {}))
    Naming().refuse_without_words(Catalog(Strings.pack(["", ""]), {}))


def test_the_key_is_in_no_file_and_no_line(
    chat: Chat, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat.script = [*names("Fun"), Reply(400, body=json.dumps({"error": KEY}).encode()), Reply(closes=True)]
    used = model(chat, tmp_path)
    labels(used, shop, caplog)
    assert chat.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*.jsonl"))
    assert KEY not in json.dumps(Naming(used).recorded() | Naming(used).found())


def test_an_artifact_records_nothing_new_for_keywords(chat: Chat, tmp_path: Path) -> None:
    assert Naming().recorded() == Naming().found() == {}
    assert Naming(model(chat, tmp_path)).recorded() == {"labels": "llm", "labels_model": "tiny"}
    written = LabelsFile("labels.csv", {"s1": "War"})
    assert Naming(written=written).recorded() == {"labels_file": written.digest}
