"""Fixtures for the whole suite; services live in tests/fixtures/."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.services", "tests.fixtures.photos"]
