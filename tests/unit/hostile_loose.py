"""The attacks of :mod:`tests.unit.hostile_child` in a process that nothing confines: what each of them does then."""

from __future__ import annotations

from restoration.photo import decoder_child
from tests.unit.hostile_child import answer

if __name__ == "__main__":
    decoder_child.confine = lambda _allowed: []
    decoder_child.main(answer)
