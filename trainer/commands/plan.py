"""plan: what a catalogue, its users and its visitors will take, before there is any data."""

import argparse
import json

from trainer.plan.plan import Machine, Size, planned
from trainer.plan.words import as_json, described


def run(options: argparse.Namespace) -> None:
    size = Size(
        options.items,
        options.users,
        options.interactions,
        options.nonzeros,
        options.dims,
        options.requests_per_second,
    )
    plan = planned(size, Machine(options.cores, options.memory, options.price), options.precision)
    print(json.dumps(as_json(plan), indent=2) if options.json else described(plan))
