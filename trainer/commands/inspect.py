"""inspect: verify an artifact and say what is in it."""

import argparse
import json

from index import artifact
from trainer import summary


def run(options: argparse.Namespace) -> None:
    version = options.version or artifact.current_version(options.artifacts)
    opened = artifact.open_version(options.artifacts, version)
    print(json.dumps(summary.as_json(opened), indent=2) if options.json else summary.described(opened))
