"""What a run leaves to the machine, unless it is asked for or an interrupted run had it: threads, device, precision."""

import argparse
import dataclasses
from typing import Any

import torch

from trainer import checkpoint, machine
from trainer.checkpoint import Decides
from trainer.dealing import threads_of_a_rank
from trainer.errors import ConfigurationError
from trainer.fit_options import FitOptions
from trainer.ranks import Ranks
from trainer.steps import choice

BY_MACHINE = ("threads", "device", "precision", "sparse_below", "ranks")


def machine_choices(
    options: argparse.Namespace, fit_options: FitOptions, n_items: int, kept: Decides, ranks: Ranks
) -> dict[str, Any]:
    """Threads, device, precision and sparse_below: as asked for, as the interrupted run had them, or what is best here.

    Raises ConfigurationError where the interrupted run had another, or a device that is not there.
    """
    asked = asked_for(options)
    if kept and (changed := checkpoint.differences(asked, kept)):
        raise other_run(changed)
    device = asked.get("device") or kept.get("device")
    try:
        device = machine.device(device)
    except ConfigurationError as error:
        if "device" in asked:
            raise
        raise other_run([f"device {device}, which is not here"]) from error
    threads = kept.get("threads") if ranks.number == kept.get("ranks", 1) else None
    torch.set_num_threads(asked.get("threads") or threads or threads_of_a_rank())
    precision = asked.get("precision") or kept.get("precision") or machine.default_precision(device)
    sparse_below = asked.get("sparse_below", kept.get("sparse_below"))
    if sparse_below is None and device == "cpu":
        sparse_below = choice.sparse_below(dataclasses.replace(fit_options, precision=precision), n_items)
    chosen = {"threads": torch.get_num_threads(), "device": device, "precision": precision}
    return {**chosen, "sparse_below": sparse_below, **({"ranks": ranks.number} if ranks.number > 1 else {})}


def asked_for(options: argparse.Namespace) -> dict[str, Any]:
    """What the caller did not leave to the machine."""
    return {name: value for name in BY_MACHINE if (value := getattr(options, name, None)) is not None}


def other_run(changed: list[str]) -> ConfigurationError:
    return ConfigurationError(
        f"--resume: the interrupted run had {'; '.join(changed)}; give the same data and options, "
        "or leave --resume out to start from the beginning"
    )
