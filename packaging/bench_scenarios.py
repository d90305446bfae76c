"""Seconds of CPU time that ten simulated hours of each shipped scenario take under all policies, on one core.

    .venv/bin/python packaging/bench_scenarios.py [--phone guide-phone] [--repeat 3]

Prints one line a scenario, the best of the repetitions, and exits with 1 when one takes 2 s or more.
"""

from __future__ import annotations

import argparse
import sys
import time

from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import Profile, load_profile
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_files import load_scenario, scenario_ids
from autoglm_desktop.energy.scenario_run import run_scenario

GOAL_S = 2.0
_TEN_HOURS_S = 36_000.0


def measure(scenario: Scenario, profile: Profile) -> float:
    """Seconds per ten hours, of one run under each policy."""
    began_s = time.process_time()
    for policy in Policy:
        run_scenario(scenario, profile, policy)
    return (time.process_time() - began_s) * _TEN_HOURS_S / scenario.duration_s


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed of the shipped scenarios.")
    parser.add_argument("--phone", help="instead of each scenario's own")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    slowest_s = 0.0
    for name in scenario_ids():
        scenario = load_scenario(name)
        profile = load_profile(arguments.phone or scenario.phone)
        best_s = min(measure(scenario, profile) for _ in range(arguments.repeat))
        slowest_s = max(slowest_s, best_s)
        print(f"{name:15s} {best_s:6.2f} s for 10 h under {len(Policy)} policies")
    return 0 if slowest_s < GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
