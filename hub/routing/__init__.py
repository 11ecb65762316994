"""The worker: `step` decides (pure), `round` keeps the promise, `agent`, `transport` and `launcher` carry it on Faust."""
