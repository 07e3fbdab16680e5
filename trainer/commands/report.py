"""report: measure a grid of systems, byte budgets and seeds, and write its table and its plots."""

import argparse
import logging

from trainer import host, machine
from trainer.errors import ConfigurationError, TrainingError
from trainer.experiment.document import summary, write_report
from trainer.experiment.grid import read_grid
from trainer.experiment.progress import GridProgress
from trainer.experiment.runner import Machine, Runner
from trainer.locked_folder import LockedFolder

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> None:
    """Raises TrainingError where a cell failed, after everything else was measured and written."""
    grid = read_grid(options.config, options.data_dir)
    with LockedFolder(options.out), GridProgress(quiet=options.quiet) as progress:
        runner = Runner(grid, options.out, _machine(options), progress)
        try:
            if options.render:
                runner.jobs()
            else:
                runner.run()
        except KeyboardInterrupt:
            logger.warning("the same command goes on after %d fits that are done", len(runner.known))
            raise
        except OSError as error:
            raise ConfigurationError(f"--out {options.out}: cannot be written to ({error.strerror})") from error
        written = write_report(options.out, runner.results(), runner.failures, [tuple(pair) for pair in options.pair])
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


def _machine(options: argparse.Namespace) -> Machine:
    """One thread a job where there are as many jobs as cores: two products side by side are faster than one on two."""
    device = machine.device(options.device)
    jobs = options.jobs or (1 if device == "cuda" else host.cores())
    threads = options.threads or max(host.cores() // jobs, 1)
    precision = options.precision or machine.default_precision(device)
    return Machine(jobs, threads, machine.memory_bytes(device), precision, device)
