"""The simulated phone, the governor and this computer's sensors: no Qt, no torch, numpy at most.

How the parts fit together:

- `profile.load_profile(id)` reads ``resources/phones/<id>.toml``; `phone.Phone(profile)` compiles it.
- `phone.step(phone, state, load, dt_s) -> (state, flows)` is the one right-hand side; `phone.run` repeats it over a
  batch of loads, `live.LivePhone` repeats it as time passes. Both give the same trajectory.
- `workload.WorkTracker` turns engine events into `Work`; `workload.Backlog` queues it and makes the load of a step.
- `governor.decide(policy, situation, memory) -> (Decision, Memory)` chooses tier, cap and cache, with reasons;
  `policies` holds the policies. `forecast.forecasts` predicts watts and skin temperature per tier for ``last-until``.
- `telemetry.ThisComputer` reads what this machine can tell; `core.provenance.Quantity` labels every number.
- `decode_run.decode_run` is the computation of ``simulate decode``.
"""
