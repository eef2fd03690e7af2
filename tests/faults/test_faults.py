"""Twenty faults, from a seed, over the embedded services; the long run is ``make faults``."""

from __future__ import annotations

import pytest

from restoration.errors import ReasonCode
from tests.faults.campaign import campaign
from tests.faults.mutations import files, mutations, try_all
from tests.faults.nemesis import KINDS, sequence

SEED = 17


@pytest.mark.stack
@pytest.mark.slow
def test_twenty_faults_cost_no_photograph(tmp_path):
    figures = campaign(tmp_path, kills=20, seed=SEED, photos=24, a_round=20, say=print)
    assert figures.kills >= 12  # on a busy machine some find nothing to strike: a process is only just starting
    assert (figures.rounds, figures.published) == (1, 1)


def test_a_seed_is_a_sequence_and_leaves_no_kind_out():
    assert sequence(3, 200) == sequence(3, 200) != sequence(4, 200)
    assert {fault.kind for fault in sequence(3, len(KINDS))} == set(KINDS)


def test_three_hundred_mutations_end_no_worker():
    figures = try_all(SEED, 300)
    assert len(figures.milliseconds) == 300
    assert figures.pictures + figures.reasons.total() == 300
    assert ReasonCode.CORRUPT in figures.reasons


def test_mutations_are_of_twenty_files_and_the_same_for_a_seed():
    assert len(files()) == 20
    assert list(mutations(1, 40)) == list(mutations(1, 40))
    assert list(mutations(1, 40)) != list(mutations(2, 40))
