"""wrk, an HTTP load generator in C (Debian's package wrk): posts bodies in turn on loopback, for a bounded time."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_SCRIPT = """
local bodies = {}
for line in io.lines(%(bodies)s) do bodies[#bodies + 1] = line end
local turn = 0
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
%(headers)s
%(delay)s
request = function()
  turn = turn %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[turn])
end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('told %%d %%d %%d %%d %%d\\n', summary.requests, summary.duration, bad,
    latency:percentile(50), latency:percentile(99)))
end
"""


class Load(NamedTuple):
    per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    errors: int


def wrk(
    url: str,
    bodies: Sequence[object],
    folder: Path,
    *,
    connections: int,
    seconds: float,
    key: str | None = None,
    pause_milliseconds: float = 0.0,
) -> Load:
    """One thread of wrk; each connection pauses before a request. Exits where there is no wrk."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is missing: apt install wrk")
    posted, script = folder / "bodies.jsonl", folder / "post.lua"
    posted.write_text("".join(json.dumps(body) + "\n" for body in bodies))
    headers = "" if key is None else f"wrk.headers['Authorization'] = 'Bearer {key}'"
    delay = f"delay = function() return {round(pause_milliseconds)} end" if pause_milliseconds else ""
    given = {"bodies": json.dumps(str(posted)), "headers": headers, "delay": delay}
    script.write_text(_SCRIPT % given)
    command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), url]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    found = re.search(r"told (\d+) (\d+) (\d+) (\d+) (\d+)", told)
    if found is None:
        raise SystemExit(f"wrk answered {told!r}")
    requests, microseconds, errors, p50, p99 = map(int, found.groups())
    return Load(requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3, errors)
