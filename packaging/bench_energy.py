"""How much faster than real time the simulated phone runs: a 10 h scenario in steps of one second, on one core.

    python packaging/bench_energy.py [--phone iphone-17-pro] [--repeat 5]

The scenario alternates answers (prompt, then tokens), reading with the screen on, and standby. Prints the best of the
repetitions by CPU time of this process, and exits with 1 below 100,000 times real time.
"""

from __future__ import annotations

import argparse
import sys
import time

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.phone import Load, Phone, start, step
from autoglm_desktop.energy.power import decode_cost, prefill_cost
from autoglm_desktop.energy.profile import load_profile

HOURS = 10
GOAL = 100_000.0
_ANSWER_EVERY_S = 120


def scenario(phone: Phone) -> list[Load]:
    """One load per second."""
    decode, prefill = decode_cost(phone.profile, Tier.INT4), prefill_cost(phone.profile)
    answer = Load(screen=0.4, decode_tok_s=decode.per_s, decode_j=decode.joules)
    prompt = Load(screen=0.4, prefill_tok_s=prefill.per_s, prefill_j=prefill.joules)
    cycle = [prompt] * 3 + [answer] * 20 + [Load(screen=0.4)] * 37 + [Load()] * (_ANSWER_EVERY_S - 60)
    return cycle * (HOURS * 3600 // _ANSWER_EVERY_S)


def measure(phone: Phone, loads: list[Load]) -> float:
    """Simulated seconds per second of CPU time, of one run."""
    state = start(phone, 1.0)
    begin = time.process_time()
    for load in loads:
        state, _ = step(phone, state, load, 1.0)
    return len(loads) / (time.process_time() - begin)


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed of the simulated phone.")
    parser.add_argument("--phone", default="iphone-17-pro")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    phone = Phone(load_profile(args.phone))
    loads = scenario(phone)
    best = max(measure(phone, loads) for _ in range(args.repeat))
    print(
        f"{args.phone}: {HOURS} h in {len(loads)} steps of 1 s: {best:,.0f} times real time, {1e6 / best:.2f} µs a step"
    )
    return 0 if best >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
