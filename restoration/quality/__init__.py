"""Metrics and gates: pure functions on arrays that say how good a photograph is."""
