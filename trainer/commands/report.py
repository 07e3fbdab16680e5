"""report: measure a grid of systems, byte budgets and seeds, and write its table and its plots."""

import argparse
import logging
from collections.abc import Sequence

from trainer import host, machine
from trainer.errors import ConfigurationError, TrainingError
from trainer.experiment.document import summary, write_report
from trainer.experiment.grid import read_grid
from trainer.experiment.progress import GridProgress
from trainer.experiment.results import Measurement, Results
from trainer.experiment.runner import Machine, Runner
from trainer.fit_options import Precision
from trainer.locked_folder import LockedFolder

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> None:
    """Raises TrainingError where a cell failed, after everything else was measured and written."""
    grid = read_grid(options.config, options.data_dir)
    with LockedFolder(options.out), GridProgress(quiet=options.quiet) as progress:
        try:
            runner = Runner(grid, options.out, _machine(options, Results.read(options.out).measurements), progress)
            pairs = [(runner.entry(ours), runner.entry(theirs)) for ours, theirs in options.pair]
            if not options.render:
                runner.run()
            written = write_report(options.out, runner.results(), runner.failures, pairs)
        except KeyboardInterrupt:
            logger.warning("the same command goes on after what is done")
            raise
        except OSError as error:
            raise ConfigurationError(f"{error.filename or options.out}: {error.strerror or error}") from error
        if not options.quiet and not options.render:
            minutes, seconds = divmod(round(progress.elapsed_seconds), 60)
            logger.info("measured in %d min %02d s, %d at a time", minutes, seconds, runner.machine.jobs)
    print((options.out / "report.json").read_text() if options.json else summary(runner.results()))
    if not options.json:
        print(f"\nin {written}")
    if runner.failures:
        name, reason = next(iter(runner.failures.items()))
        raise TrainingError(
            f"{len(runner.failures)} cells have failed, and are tried again by the same command; first {name}: {reason}"
        )


def _machine(options: argparse.Namespace, known: Sequence[Measurement]) -> Machine:
    """As asked for, as what lies in the folder was measured, or what is best here.

    One thread a job where there are as many jobs as cores: two products side by side are faster than one on two.
    """
    before = known[-1].cell if known else None
    device = machine.device(options.device or (before.device if before else None))
    jobs = options.jobs or (1 if device == "cuda" else host.cores())
    threads = options.threads or max(host.cores() // jobs, 1)
    precision: Precision = options.precision or machine.default_precision(device)
    if before is not None and not options.precision and before.device == device:
        precision = "bfloat16" if before.precision == "bfloat16" else "float32"
    device_bytes = machine.memory_bytes(device) if device == "cuda" else None
    return Machine(jobs, threads, host.memory_bytes(), precision, device, device_bytes)
