"""A file that is replaced in one step: whoever reads it sees the old content or the new one."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Raises OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
