"""The tables of benchmarks.bench_train in Markdown: accuracy and time, the verdicts, memory."""

from collections.abc import Mapping, Sequence
from statistics import mean

from benchmarks.contenders import CONTENDERS, IN_OUR_TIME, OURS
from benchmarks.train_results import METRIC, Cell, Measurement
from trainer.experiment.compare import Interval, difference
from trainer.experiment.compare import mean as mean_of
from trainer.experiment.markdown import number, plus_minus, signed, table

MARGIN = -0.002  # of nDCG@100: no worse than the peer means that the interval's lower end is above it
TIME_SHARE, MEMORY_SHARE = 1 / 3, 1 / 2  # of the peer's, that ours may take
_PEER = "compresso"
_HEADER = (
    "k", "contender", "seeds", "nDCG@100", "ours less it", "seconds", "times ours", "CPU s", "memory, MiB", "epochs",
)  # fmt: skip
Group = tuple[str, int, int]  # data, dims, threads


def document(found: Mapping[Cell, Measurement]) -> str:
    """Everything that was measured."""
    groups: dict[Group, list[Measurement]] = {}
    for one in found.values():
        groups.setdefault((one.cell.data, one.cell.dims, one.cell.threads), []).append(one)
    return "\n\n".join(_section(group, measured) for group, measured in groups.items())


def _section(group: Group, measured: Sequence[Measurement]) -> str:
    data, dims, threads = group
    title = f"**{data}**, {dims} dims, {threads} thread{'s' * (threads > 1)}"
    rows, verdicts = [], []
    for k in sorted({one.cell.k for one in measured}):
        by_contender: dict[str, dict[int, Measurement]] = {}
        for one in measured:
            if one.cell.k == k:
                by_contender.setdefault(one.cell.contender, {})[one.cell.seed] = one
        ours = by_contender.get(OURS, {})
        rows += [_row(k, name, ours, theirs) for name, theirs in sorted(by_contender.items(), key=_place)]
        verdicts += _verdict(k, ours, by_contender)
    return "\n\n".join([title, table(_HEADER, rows, left=2), *(["\n".join(verdicts)] if verdicts else [])])


def _place(entry: tuple[str, object]) -> tuple[int, str]:
    """Contenders in their own order, each followed by itself in our time; who is none any more comes last."""
    names = list(CONTENDERS)
    name = entry[0].removesuffix(IN_OUR_TIME)
    return names.index(name) if name in names else len(names), entry[0]


def _row(k: int, name: str, ours: Mapping[int, Measurement], theirs: Mapping[int, Measurement]) -> list[str]:
    measured = [theirs[seed] for seed in sorted(theirs)]
    scored = [one.values for one in measured if len(one.ndcg)]
    return [
        str(k),
        name,
        str(len(measured)),
        plus_minus(mean_of(scored, METRIC) if scored else None),
        signed(_difference(ours, theirs)) if name != OURS else "",
        number(mean(one.seconds for one in measured), 1),
        number(_times(ours, theirs), 1) if name != OURS else "",
        number(mean(one.cpu_seconds for one in measured), 1),
        number(mean(one.memory_bytes for one in measured) / 2**20, 0),
        number(mean(one.notes["epochs"] for one in measured), 0),
    ]


def _verdict(
    k: int, ours: Mapping[int, Measurement], by_contender: Mapping[str, Mapping[int, Measurement]]
) -> list[str]:
    """Against the peer's best settings, chosen by the test users of the seeds that both have: in its favour."""
    full = {name: runs for name, runs in by_contender.items() if name.startswith(_PEER) and IN_OUR_TIME not in name}
    if not ours or not full:
        return []
    scored = {name: runs for name, runs in full.items() if all(len(one.ndcg) for one in runs.values())}
    if not scored:
        least = min(mean(one.memory_bytes for one in runs.values()) for runs in full.values())
        share = mean(one.memory_bytes for one in ours.values()) / least
        return [f"- k = {k}: memory {share:.2f} of the peer's least; {_held(share <= MEMORY_SHARE)}"]
    margins = {name: interval for name, runs in scored.items() if (interval := _difference(ours, runs))}
    if not margins:
        return []
    name, interval = min(margins.items(), key=lambda entry: entry[1].mean)
    times, cpu_times = _times(ours, scored[name]), _times(ours, scored[name], "cpu_seconds")
    assert times is not None, "a margin is of a seed in common"
    assert cpu_times is not None
    return [
        f"- k = {k}, peer's best is {name}: nDCG@100 {signed(interval)}, {_held(interval.low > MARGIN)}; "
        f"{1 / times:.2f} of its seconds, {_held(1 / times <= TIME_SHARE)} ({1 / cpu_times:.2f} of the processor's)"
    ]


def _held(good: bool) -> str:
    return "held" if good else "**not held**"


def _difference(ours: Mapping[int, Measurement], theirs: Mapping[int, Measurement]) -> Interval | None:
    """On the seeds that both have."""
    seeds = [seed for seed in sorted(theirs) if seed in ours and len(theirs[seed].ndcg) and len(ours[seed].ndcg)]
    if not seeds:
        return None
    return difference([ours[seed].values for seed in seeds], [theirs[seed].values for seed in seeds], METRIC)


def _times(ours: Mapping[int, Measurement], theirs: Mapping[int, Measurement], clock: str = "seconds") -> float | None:
    """Their seconds over ours, on the seeds that both have."""
    seeds = [seed for seed in theirs if seed in ours]
    if not seeds:
        return None
    return float(
        sum(getattr(theirs[seed], clock) for seed in seeds) / sum(getattr(ours[seed], clock) for seed in seeds)
    )
