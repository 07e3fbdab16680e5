"""Who may know whom (docs/design.md section 4), as a table over every import, and in running processes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# package or file: what it must not import
FORBIDDEN = {
    "index": {
        "trainer",
        "service",
        "torch",
        "scipy",
        "polars",
        "fastapi",
        "pydantic",
        "redis",
        "httpx",
        "uvicorn",
        "tqdm",
    },
    "service": {"trainer", "torch", "scipy", "polars", "tqdm"},
    "trainer": {"service", "fastapi", "redis", "uvicorn", "pydantic"},
}
# module: the only files that may import it
ONLY_IN = {
    "numba": {"index/compiled.py", "trainer/steps/kernels.py"},
    "redis": {"service/redis_client.py", "service/shared_store.py", "service/redis_check.py"},
    "torch": {
        "trainer/baselines/sparse_autoencoder.py",
        "trainer/dealing.py",
        "trainer/fit.py",
        "trainer/machine.py",
        "trainer/machine_choices.py",
        "trainer/process_group.py",
        "trainer/ranks.py",
        "trainer/steps/autograd.py",
        "trainer/steps/choice.py",
        "trainer/steps/dense.py",
        "trainer/steps/gram.py",
        "trainer/steps/growth.py",
        "trainer/steps/outputs.py",
        "trainer/steps/room.py",
        "trainer/steps/step.py",
        "trainer/initial_weights.py",
        "trainer/weights.py",
    },
    "sentence_transformers": {"trainer/segmentation/encoder.py"},
    "huggingface_hub": {"trainer/segmentation/encoder.py"},
    "transformers": {"trainer/segmentation/encoder.py"},
    "polars": {
        "trainer/commands/recommend.py",
        "trainer/datasets/goodbooks.py",
        "trainer/datasets/movielens.py",
        "trainer/datasets/netflix.py",
        "trainer/datasets/prize_text.py",
        "trainer/datasets/rows.py",
        "trainer/datasets/shelves.py",
        "trainer/datasets/synthetic.py",
        "trainer/datasets/tables.py",
        "trainer/export/array_files.py",
        "trainer/histories.py",
        "trainer/interactions.py",
        "trainer/items.py",
        "trainer/streamed.py",
        "trainer/tables.py",
    },
    "structlog": {"service/logs.py"},
    "opentelemetry": {"service/spans.py"},
    "httpx": {
        "service/client.py",
        "service/engines/qdrant_server.py",
        "trainer/datasets/download.py",
        "trainer/export/search_files.py",
        "trainer/segmentation/chat_endpoint.py",
    },
    "pymilvus": {"trainer/export/milvus.py"},
    "qdrant_client": {"service/engines/qdrant_server.py", "trainer/export/qdrant_server.py"},
    "qdrant_edge": {"service/engines/qdrant_folder.py", "trainer/export/qdrant_folder.py"},
    "safetensors": {"trainer/export/array_files.py"},
    "matplotlib": {"trainer/drawing.py", "trainer/experiment/plots.py", "trainer/segment_report/plots.py"},
    "fcntl": {
        "service/keys_command.py",
        "service/metrics_folder.py",
        "service/server.py",
        "trainer/datasets/partial.py",
        "trainer/locked_folder.py",
    },
    "prometheus_client": {"service/metrics.py", "service/metrics_folder.py"},
    "uvicorn": {"service/server.py", "service/connection.py"},
}
FILES = sorted(path for package in FORBIDDEN for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_it_may_know(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    found = imported(path)
    assert not found & FORBIDDEN[name.split("/")[0]]
    assert not {module for module, files in ONLY_IN.items() if module in found and name not in files}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_what_it_is_and_holds_one_noun(path: Path) -> None:
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 300


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "helpers", "common", "core", "manager", "factory", "base", "misc"}
    assert not [path for path in FILES if path.stem in drawers]


def test_nothing_is_unpickled_or_evaluated() -> None:
    for path in FILES:
        text = path.read_text()
        assert not {"pickle", "marshal", "shelve", "dill", "joblib"} & imported(path)
        assert "allow_pickle=True" not in text
        assert "torch.load" not in text


def test_the_service_starts_with_torch_scipy_and_polars_absent() -> None:
    program = """
import sys
for name in ("torch", "scipy", "polars", "trainer", "tqdm"):
    sys.modules[name] = None
import service.app, service.__main__, index.recommender
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_importing_a_package_does_nothing() -> None:
    program = "import sys, index, trainer, service; sys.exit(bool({'numba', 'torch', 'fastapi'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_the_trainer_starts_with_the_sentence_encoder_and_matplotlib_absent() -> None:
    program = """
import sys
absent = "sentence_transformers transformers huggingface_hub tokenizers safetensors sklearn matplotlib"
absent += " qdrant_edge qdrant_client pymilvus"
for name in absent.split():
    sys.modules[name] = None
import trainer.__main__, trainer.experiment.document, trainer.segment_report.document
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
