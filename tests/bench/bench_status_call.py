"""A phone that asks for its video waits no longer when the generator's CDN stalls (plan M6: the caller never waits).

Run beside a stack that is up: `make up`, then `python -m tests.bench.bench_status_call`. The two kinds of jobs are
asked about in turn, in one run, so that both meet the same machine; what is printed is their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid

import httpx

from local import daemons
from local.cloud import Cloud
from local.journey.client import Phone
from local.state import State, read_json

PROMPT = "A bench at dusk."
STALL = {"kind": "stall_early", "times": 100}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=10, help="of each kind")
    options.add_argument("--rounds", type=int, default=40, help="times that each job is asked about")
    chosen = options.parse_args()
    state = State.default()
    ports = read_json(state.ports)
    fal = daemons.url(ports["fal"])
    api, apple = str(Cloud(state).outputs()["api_url"]), daemons.url(ports["apple"])
    jobs = {
        kind: [_completed(Phone(api, apple), fal, stalled=kind == "stalled") for _ in range(chosen.jobs)]
        for kind in ("fast", "stalled")
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in jobs}
    for _ in range(chosen.rounds):
        for pair in zip(*jobs.values(), strict=True):
            for kind, (phone, job) in zip(jobs, pair, strict=True):
                began = time.perf_counter()
                assert phone.call("GET", f"/v1/videos/{job}").status_code == 200
                seconds[kind].append(time.perf_counter() - began)
    p95 = {kind: statistics.quantiles(taken, n=20)[-1] for kind, taken in seconds.items()}
    for kind, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{kind:<8} {len(taken)} calls, median {1000 * median:.1f} ms, p95 {1000 * p95[kind]:.1f} ms")
    print(f"p95 with a stalled CDN is {p95['stalled'] / p95['fast']:.2f} of that with a fast one (at most 1.10)")


def _completed(phone: Phone, fal: str, *, stalled: bool) -> tuple[Phone, str]:
    """A phone and its job that the generator has just completed, whose video the CDN hands out or never does."""
    outcome = {"after_ms": 0, "downloads": [STALL] if stalled else []}
    httpx.post(f"{fal}/_control/outcomes", json=outcome, trust_env=False).raise_for_status()
    phone.check_in()
    offered = [model for model in phone.models() if model["image"] != "required"]
    model = min(offered, key=lambda each: int(each["credits"]))["model"]
    answer = phone.submit_video({"model": model, "prompt": PROMPT}, key=str(uuid.uuid4()))
    assert answer.status_code == 202, answer.text
    job = str(answer.json()["job_id"])
    while phone.video(job)["status"] not in ("completed", "failed"):
        time.sleep(0.1)
    return phone, job


if __name__ == "__main__":
    main()
