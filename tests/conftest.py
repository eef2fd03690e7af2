"""Fixtures for the whole suite; services live in tests/fixtures/."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what it puts in the background deaf to Ctrl-C, and children inherit that: the
    # tests that interrupt a program would then wait for its end.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.services", "tests.fixtures.photos", "tests.plugin"]
