"""``python -m tests.faults --kills 1000 --seed 1``: the long run."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaign import BrokenPromise, campaign


def main() -> int:
    words = argparse.ArgumentParser(description="Faults over a collection of small scans, from a seed.")
    words.add_argument("--kills", type=int, default=1000)
    words.add_argument("--seed", type=int, default=int(time.time()))
    words.add_argument("--photos", type=int, default=500)
    words.add_argument("--round", type=int, default=25, help="faults between two checks")
    words.add_argument("--keep", action="store_true", help="leave the folder with logs")
    given = words.parse_args()
    print(f"seed {given.seed}: {given.kills} faults over {given.photos} photographs", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the services are stopped
    folder = tempfile.mkdtemp(prefix="campaign-")
    try:
        figures = campaign(
            Path(folder), kills=given.kills, seed=given.seed, photos=given.photos, a_round=given.round, say=_say
        )
    except BrokenPromise as error:
        print(f"{error}\nlogs: {folder}")
        return 1
    print(f"{figures.kills} faults struck, and every promise held: {figures}")
    if not given.keep:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
