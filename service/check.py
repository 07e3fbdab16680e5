"""python -m service check: tries all that a start needs, and says what is wrong with it, before anything is served.

A line each: ok, warning or error, what it is about, and what to do. Goes on after an error. Starts nothing that stays,
and repeats no secret.
"""

import argparse
import asyncio
import json
import os
import resource
import stat
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from index import artifact, compiled
from index.artifact import Artifact
from index.errors import ArtifactError
from index.recommender import Recommender
from service import configuration, engines
from service.engines.engine import EngineUnavailableError, VersionMissingError
from service.keys import SCOPES, KeysFileError, read_keys
from service.listening import bound_socket, refused
from service.memory import eviction_risk
from service.redis_check import StoreFacts, examine
from service.settings import Settings
from service.shared_store import StoreUnavailableError
from service.tracing import TracingError

EXIT_CONFIGURATION, EXIT_ARTIFACT = 3, 5
REDIS_SECONDS = 3.0
_OLDEST_REDIS = (5, 0)  # scripts that read the time and write afterwards


class Finding(NamedTuple):
    level: Literal["ok", "warning", "error"]
    about: str
    says: str


def main(arguments: Sequence[str]) -> int:
    """Prints what is found as it is found; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m service check",
        description=__doc__,
        epilog="exit codes: 0 it can be served (there may be warnings), 2 usage, 3 configuration, port, keys or "
        "Redis, 5 nothing but the artifact",
    )
    parser.add_argument("--artifacts", type=Path, help="folder with CURRENT (SPARSESHELF_ARTIFACTS, artifacts)")
    parser.add_argument("--host", default="127.0.0.1", help="address that will be listened on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="whether this port is free as well")
    parser.add_argument("--workers", type=int, help="as it will be started (SPARSESHELF_WORKERS)")
    parser.add_argument("--no-auth", action="store_true", help="as it will be started (SPARSESHELF_NO_AUTH)")
    parser.add_argument("--json", action="store_true", help="one JSON object with all findings at the end")
    options = parser.parse_args(arguments)
    given = {"artifacts": options.artifacts, "workers": options.workers, "no_auth": options.no_auth or None}
    found = []
    for finding in findings(options.host, options.port, {k: v for k, v in given.items() if v is not None}):
        found.append(finding)
        if not options.json:
            print(f"{finding.level:<7}  {finding.about:<13}  {finding.says}", flush=True)
    code = _exit_code(found)
    if options.json:
        told = [{"level": each.level, "about": each.about, "says": each.says} for each in found]
        print(json.dumps({"exit_code": code, "findings": told}, indent=2, ensure_ascii=False))
    return code


def findings(host: str, port: int | None, given: dict[str, object]) -> Iterator[Finding]:
    """All there is to say, in the order of a start; slow ones last."""
    settings, wrong = configuration.read(**given)
    yield from _configuration(settings, wrong, host)
    if port is not None:
        yield _port(host, port)
    if settings.keys_file is not None:
        yield _keys(settings.keys_file)
    yield from _redis(settings, wrong)
    yield from _artifact(settings.artifacts)
    if settings.qdrant is not None:
        yield _engine(settings)
    if settings.challenger is not None:
        yield _challenger(settings.artifacts, settings.challenger)


def _exit_code(found: Sequence[Finding]) -> int:
    wrong = [finding.about for finding in found if finding.level == "error"]
    if not wrong:
        return 0
    return EXIT_CONFIGURATION if set(wrong) - {"artifact", "kernels"} else EXIT_ARTIFACT


def _configuration(settings: Settings, wrong: dict[str, str], host: str) -> Iterator[Finding]:
    for variable, reason in wrong.items():
        yield Finding("error", "configuration", f"{variable}: {reason}")
    tracing_refused = _tracing_refused() if settings.tracing else None
    if tracing_refused is not None:
        yield Finding("error", "configuration", f"SPARSESHELF_TRACING: {tracing_refused}")
    idle = configuration.warnings(settings, os.environ)
    for warning in idle:
        yield Finding("warning", "configuration", warning)
    refusal = configuration.refusal(settings, host)
    if refusal is not None and not any(refusal.startswith(variable) for variable in wrong):
        yield Finding("error", "configuration", refusal)
    elif not wrong and not idle and tracing_refused is None:
        n_set = len(settings.model_fields_set)
        yield Finding("ok", "configuration", f"{n_set} of {len(Settings.model_fields)} settings given, all sound")


def _tracing_refused() -> str | None:
    """Why spans cannot be sent as the variables OTEL_… ask for it; nothing is sent."""
    from service.spans import Exporting  # noqa: PLC0415  what it needs is an extra

    try:
        Exporting().provider.shutdown()
    except TracingError as error:
        return str(error)
    return None


def _port(host: str, port: int) -> Finding:
    try:
        bound_socket(host, port).close()
    except OSError as error:
        return Finding("error", "port", refused(host, port, error))
    return Finding("ok", "port", f"{host}:{port} is free")


def _keys(file: Path) -> Finding:
    try:
        keys = read_keys(file)
    except KeysFileError as error:
        return Finding("error", "keys", f"SPARSESHELF_KEYS_FILE: {error}")
    if not keys:
        reason = f"{file} holds no key: nobody is answered until `python -m service keys add` adds one"
        return Finding("warning", "keys", reason)
    if stat.S_IMODE(file.stat().st_mode) & 0o022:
        return Finding(
            "warning", "keys", f"others can write to {file}, and so add keys of their own: chmod go-w {file}"
        )
    scopes = Counter(scope for key in keys for scope in key.scopes)
    return Finding("ok", "keys", f"{len(keys)} in {file}: {', '.join(f'{scopes[scope]} {scope}' for scope in SCOPES)}")


# ---------------------------------------------------------------- Redis


def _redis(settings: Settings, wrong: dict[str, str]) -> Iterator[Finding]:
    if {"SPARSESHELF_REDIS_URL", "SPARSESHELF_REDIS_PASSWORD"} & wrong.keys():
        return  # said already
    if settings.redis is None:
        kept = "pages are cached in the process, there are no histories and no deny list"
        yield Finding("ok", "redis", f"none: {kept} (SPARSESHELF_REDIS_URL)")
        return
    try:
        facts = asyncio.run(examine(settings.redis.get_secret_value(), REDIS_SECONDS))
    except (StoreUnavailableError, ValueError) as error:
        yield Finding("error", "redis", f"SPARSESHELF_REDIS_URL: {error}")
        return
    complaints = list(_complaints(facts, settings))
    for complaint in complaints:
        yield Finding("warning", "redis", complaint)
    if facts.replica:
        yield Finding(
            "error", "redis", "it is a replica, which cannot be written to: SPARSESHELF_REDIS_URL names another"
        )
    elif not complaints:
        room = f"{facts.maxmemory_bytes / 2**20:,.0f} MiB, {facts.policy}" if facts.maxmemory_bytes else "no maxmemory"
        yield Finding("ok", "redis", f"{facts.version}, {room}, answers in {1000 * facts.round_trip_seconds:.1f} ms")


def _complaints(facts: StoreFacts, settings: Settings) -> Iterator[str]:
    if facts.version is None or facts.policy is None:
        yield "it does not tell this user its version and limits (INFO), so that nothing can be said of them"
        return
    if tuple(int(part) for part in facts.version.split(".")[:2] if part.isdigit()) < _OLDEST_REDIS:
        yield f"it is version {facts.version}; {'.'.join(map(str, _OLDEST_REDIS))} or later is needed"
    if facts.round_trip_seconds > settings.redis_budget_seconds:
        yield (
            f"it answers in {1000 * facts.round_trip_seconds:.0f} ms, later than SPARSESHELF_REDIS_BUDGET_SECONDS="
            f"{settings.redis_budget_seconds:g} allows: no page would come from it"
        )
    if facts.maxmemory_bytes == 0:
        yield "it has no maxmemory: set one, with maxmemory-policy volatile-ttl, so that pages cannot fill the machine"
    elif risk := eviction_risk(facts.policy, histories=settings.histories):
        yield risk
    if settings.histories and facts.persistent is None:
        yield "it does not tell this user (CONFIG) whether it writes to disk: only then do histories survive a restart"
    elif settings.histories and not facts.persistent:
        yield "it writes nothing to disk: a restart forgets all histories and the deny list; set appendonly yes"


# ---------------------------------------------------------------- the artifact and its kernels


def _artifact(folder: Path) -> Iterator[Finding]:
    began = time.monotonic()
    try:
        opened = artifact.open_current(folder)
        recommender = Recommender(opened.model, opened.version)
    except ArtifactError as error:
        yield Finding("error", "artifact", str(error))
        return
    opened_seconds = time.monotonic() - began
    yield _kernels(recommender)
    compiling = ", compiling included" * bool(compiled.so_far().n_compiled)
    yield Finding(
        "ok",
        "artifact",
        f"{_described(opened)}, opened in {opened_seconds:.1f} s; a worker takes {_taken_mib():,.0f} MiB{compiling}",
    )


def _engine(settings: Settings) -> Finding:
    """Whether the engine that is to find items holds the current version."""
    retriever = engines.retriever_of(settings)
    assert retriever is not None
    try:
        version = artifact.current_version(settings.artifacts)
        retriever.probe(version)
    except ArtifactError:
        return Finding("warning", "engine", "SPARSESHELF_QDRANT was not asked: there is no version to ask it for")
    except VersionMissingError as error:
        export = f"python -m trainer export {settings.artifacts} --to qdrant {settings.qdrant}"
        return Finding("warning", "engine", f"SPARSESHELF_QDRANT: {error}; until `{export}` the index answers")
    except EngineUnavailableError as error:
        return Finding("error", "engine", f"SPARSESHELF_QDRANT: {error}")
    finally:
        retriever.close()
    return Finding("ok", "engine", f"SPARSESHELF_QDRANT holds {version}")


def _challenger(folder: Path, version: str) -> Finding:
    try:
        opened = artifact.open_version(folder, version)
    except ArtifactError as error:
        return Finding("error", "artifact", f"SPARSESHELF_CHALLENGER: {error}")
    return Finding("ok", "artifact", f"SPARSESHELF_CHALLENGER: {_described(opened)}")


def _described(opened: Artifact) -> str:
    sizes = opened.manifest.sizes
    return (
        f"{opened.version}: {sizes['n_items']:,} items, {sizes['n_segments']:,} segments, {sizes['n_dims']:,} dims, "
        f"{sizes['k']} non-zeros an item, {opened.size_bytes / 2**20:,.1f} MiB"
    )


def _taken_mib() -> float:
    """What this process has taken at most, which has by now done what a worker does at its start."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _kernels(recommender: Recommender) -> Finding:
    """Has them compiled or loaded as a start would, and so says what a start will take."""
    began = time.monotonic()
    try:
        recommender.warm_up()
    except Exception as error:  # whatever it is, the service would stop for it
        return Finding("error", "kernels", f"the model cannot be warmed up ({type(error).__name__}: {error})")
    seconds, made = time.monotonic() - began, compiled.so_far()
    if not made.n_compiled:
        return Finding("ok", "kernels", f"{made.n_loaded} loaded from {made.folder} in {seconds:.1f} s")
    took = f"{made.n_compiled} of {made.n_compiled + made.n_loaded} had to be compiled, in {seconds:.1f} s"
    if made.writable:
        return Finding("ok", "kernels", f"{took}; they are kept in {made.folder} for the next start")
    where = "no folder keeps them" if made.folder is None else f"{made.folder} cannot be written to"
    return Finding(
        "warning",
        "kernels",
        f"{took}; {where}, so that every start takes as long: NUMBA_CACHE_DIR names a folder, "
        "`python -m index.warm` fills it",
    )
