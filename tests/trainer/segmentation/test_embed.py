"""Merging by what a real sentence encoder makes of groups, up to the artifact."""

import sys
from pathlib import Path

import numpy as np
import pytest

from index.artifact import open_current
from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.vocabulary import Strings
from tests.trainer.console import TINY, Console, files, films, refused
from tests.trainer.segmentation.sentences import model_folder
from tests.trainer.segmentation.test_describe import describer_of, lists
from tests.trainer.worlds import Shop
from trainer.__main__ import main
from trainer.baselines.popular import popularity
from trainer.datasets.synthetic import THEMES
from trainer.errors import ConfigurationError
from trainer.items import without_items_file
from trainer.segmentation import SegmentOptions, default_tau, recorded, segment
from trainer.segmentation.describe import Describer
from trainer.segmentation.embed import KEYWORDS, SENTENCES, continuing, descriptors, refuse_without_words
from trainer.segmentation.encoder import SentenceEncoder, open_encoder
from trainer.segmentation.group import Group
from trainer.segmentation.terms import has_words

SHELVES = {
    "Crime": ["The Big Heat", "Kiss Me Deadly", "The Killers"],
    "Mystery": ["The Third Man", "Laura", "The Maltese Falcon"],
    "Cookbook": ["Soups of Provence", "Bread and Butter", "The Cake Bible"],
}


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return open_encoder(str(model_folder()))


def shelves() -> tuple[Describer, list[Group]]:
    """Three groups of three, each with an attribute of its own."""
    titles = [title for held in SHELVES.values() for title in held]
    kinds = [[kind] for kind, held in SHELVES.items() for _ in held]
    describer = describer_of(titles, {"kind": lists(kinds)})
    return describer, [Group(np.arange(3 * place, 3 * place + 3), {(place, 1): 3}) for place in range(3)]


def test_groups_about_similar_things_are_closer_than_others_though_they_share_no_keyword(
    encoder: SentenceEncoder,
) -> None:
    describer, groups = shelves()
    crime, mystery, cookbook = (descriptors(describer, encoder, groups, 0.0)(group.rows) for group in groups)
    assert crime @ mystery > 0.15 + max(crime @ cookbook, mystery @ cookbook)
    by_keywords = [descriptors(describer, None, groups, 0.0)(group.rows) for group in groups]
    assert by_keywords[0] @ by_keywords[1] == 0.0


def test_a_sentence_descriptor_has_length_one_and_is_zero_where_nothing_is_known(encoder: SentenceEncoder) -> None:
    titles = ["Alien", "Aliens", "", ""]
    describer = describer_of(titles)
    describe = descriptors(describer, encoder, [Group(np.arange(2), {(0, 1): 2})], 0.0)
    assert np.linalg.norm(describe(np.arange(2))) == pytest.approx(1.0)
    assert not describe(np.arange(2, 4)).any()


def test_the_cosine_of_two_descriptors_is_that_of_words_and_for_its_share_that_of_codes() -> None:
    describer, groups = shelves()
    words, codes, both = (
        [descriptors(describer, None, groups, share)(group.rows) for group in groups] for share in (0.0, 1.0, 0.3)
    )
    for one in range(3):
        for other in range(3):
            expected = 0.7 * (words[one] @ words[other]) + 0.3 * (codes[one] @ codes[other])
            assert both[one] @ both[other] == pytest.approx(expected)


def test_continuing_descriptors_are_alike_for_their_share_by_where_the_items_were() -> None:
    describer, groups = shelves()
    plain = descriptors(describer, None, groups, 0.0)
    before = np.array([0, 0, 1, 1, 0, 0, -1, -1, -1], np.int32)
    alike = continuing(plain, before, np.ones(9), 0.4)
    crime, mystery, cookbook = (alike(group.rows) for group in groups)
    assert crime @ mystery == pytest.approx(0.4 * (2 * 2 + 1 * 1) / (5**0.5 * 5**0.5))
    assert crime @ crime == pytest.approx(1.0)
    assert crime @ cookbook == 0.0


def test_where_nothing_is_known_of_the_items_codes_are_all_there_is() -> None:
    describer = describer_of([""] * 4)
    rows = np.arange(2)
    group = [Group(rows, {(0, 1): 2})]
    assert descriptors(describer, None, group, 0.3)(rows).tolist() == describer.mean_code(rows).tolist()


def test_the_texts_of_a_group_are_its_keywords_and_its_strongest_items() -> None:
    describer = describer_of(
        ["Alien (1979)", "Solaris", "", "Emma", "Emma", "Persuasion", *"abcdef"],
        {"genres": lists([["horror", "sci-fi"], ["sci-fi"], ["sci-fi"], *[["romance"]] * 3, *[["horror"], []] * 3])},
        popularity=[0.25, 0.04, 0.09, 0.04, 0.04, 0.01, *[0.01] * 6],
    )
    assert next(iter(describer.keywords(np.arange(3)))) == "Sci Fi"
    heaviest_first = list(describer.keywords(np.arange(3)).values())
    assert heaviest_first == sorted(heaviest_first, reverse=True)
    assert min(heaviest_first) > 0
    texts = describer.item_texts(np.arange(3))
    assert list(texts) == ["Alien (1979). Horror, Sci Fi", "Sci Fi", "Solaris. Sci Fi"]
    assert texts["Alien (1979). Horror, Sci Fi"] / texts["Solaris. Sci Fi"] == pytest.approx(2.5)
    twins = describer.item_texts(np.arange(3, 6))
    assert twins["Emma. Romance"] / twins["Persuasion. Romance"] == pytest.approx(4.0)


def test_segmenting_with_an_encoder_finds_the_themes_and_is_deterministic(
    shop: Shop, embedding: ItemEmbedding, encoder: SentenceEncoder
) -> None:
    options = SegmentOptions(default_tau(SENTENCES), embedder=SENTENCES)
    ids, known = shop.interactions.item_ids, popularity(shop.parts.train)
    one, same = (
        segment(embedding, shop.catalog, ids, known, options, encoder=found)
        for found in (encoder, open_encoder(str(model_folder())))
    )
    assert one.violation(600) is None
    assert len(set(THEMES) & set(one.labels)) >= 9
    assert list(one.labels) == list(same.labels)
    assert np.array_equal(one.membership, same.membership)
    assert np.array_equal(one.dims, same.dims)


def test_each_embedder_has_a_tau_of_its_own() -> None:
    assert 0 < default_tau(KEYWORDS) == SegmentOptions().tau < default_tau(SENTENCES) < 1


def test_what_is_recorded_says_which_model_and_not_where_it_lay(encoder: SentenceEncoder) -> None:
    options = SegmentOptions(0.9, embedder=SENTENCES, embedder_model="/somewhere/model")
    assert recorded(options, encoder) == {
        "tau": 0.9,
        "code_share": 0.3,
        "continuity": 0.0,
        "max_share": 0.15,
        "min_items": 12,
        "embedder": "sentence-transformers",
        "embedder_model": "model",
        "embedder_digest": encoder.digest,
    }
    assert recorded(SegmentOptions(), None) == {
        "tau": 0.5, "max_share": 0.15, "min_items": 12, "embedder": "keywords", "code_share": 0.3,
        "continuity": 0.0,
    }  # fmt: skip


def test_without_titles_and_attributes_an_encoder_is_refused(encoder: SentenceEncoder) -> None:
    nothing = without_items_file(5)
    with pytest.raises(ConfigurationError, match="needs titles or attributes: name their file with --items"):
        refuse_without_words(encoder, nothing)
    refuse_without_words(None, nothing)
    titled = Catalog(Strings.pack(["", "Alien"]))
    assert has_words(titled)
    refuse_without_words(encoder, titled)
    assert has_words(Catalog(Strings.pack([""] * 3), {"genres": lists([["war"]] * 3)}))


def test_fit_writes_an_artifact_that_names_its_encoder_and_the_same_bytes_twice(
    tmp_path: Path, capsys: Console
) -> None:
    model_folder()
    written = []
    for run in ("one", "same"):
        arguments = [*films(tmp_path), *TINY, "--embedder", SENTENCES, "--quiet", "--out", str(tmp_path / run)]
        assert main(["fit", *arguments]) == 0
        assert capsys.readouterr().err == ""
        written.append(files(tmp_path / run))
    assert written[0] == written[1]
    manifest = open_current(tmp_path / "one").manifest
    assert manifest.options["embedder"] == SENTENCES
    assert manifest.options["embedder_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(str(manifest.options["embedder_digest"])) == 64
    assert manifest.options["tau"] == default_tau(SENTENCES)
    assert {"sentence-transformers", "transformers", "tokenizers"} < set(manifest.libraries)


def test_fit_by_keywords_records_that_and_no_model(artifacts: Path) -> None:
    manifest = open_current(artifacts).manifest
    assert manifest.options["embedder"] == KEYWORDS
    assert manifest.options["tau"] == default_tau(KEYWORDS)
    assert "embedder_model" not in manifest.options
    assert "transformers" not in manifest.libraries


def test_fit_refuses_a_missing_model_or_metadata_before_training(tmp_path: Path, capsys: Console) -> None:
    model_folder()
    out, with_encoder = tmp_path / "out", [*films(tmp_path), *TINY, "--embedder", SENTENCES]
    line = refused(capsys, 3, out, *with_encoder, "--embedder-model", str(tmp_path / "none"))
    assert line.endswith("there is no such folder")
    ratings = with_encoder[:2]
    line = refused(capsys, 3, out, *ratings, *TINY, "--quiet", "--embedder", SENTENCES)
    assert "needs titles or attributes" in line


def test_fit_says_how_to_install_what_is_missing(
    tmp_path: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    line = refused(capsys, 3, tmp_path / "out", *films(tmp_path), *TINY, "--embedder", SENTENCES)
    assert "not installed" in line
    assert "segments" in line
