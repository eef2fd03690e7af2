"""What finding and mending cost: seconds and peak memory of the step ``repair`` by the size of the scan.

    python benchmarks/repair_cost.py PHOTO [--finder NAME] [--megapixels 1 12 100] [--threads 2]

Each size runs in a process of its own (Linux). The photograph is enlarged to size, then damaged by the trial ``mixed``;
"picture" is what the decoded scan alone takes (float32, three channels).
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

MIB = 1024**2


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--finder", default="")
    parser.add_argument("--detector", default="")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 12, 100])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    print(f"{'MP':>6} {'seconds':>8} {'s/MP':>6} {'picture MiB':>12} {'peak MiB':>9} {'filled %':>9}")
    context = multiprocessing.get_context("spawn")
    for size in given.megapixels:
        with context.Pool(1, maxtasksperchild=1) as pool:
            print(pool.apply(measured, (given.photo, size, given.finder, given.detector, given.threads)), flush=True)


def measured(photo: Path, megapixels: float, finder: str, detector: str, threads: int) -> str:
    """One size's line."""
    import cv2
    import numpy as np

    from restoration.models.loading import LoadedModels
    from restoration.photo.picture import Picture, ScanInfo
    from restoration.steps.parameters import Repair
    from restoration.steps.protocol import Frame
    from restoration.steps.repair import Step
    from restoration.synthetic.trials import make_trial

    cv2.setNumThreads(threads)
    found = cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise SystemExit(f"{photo} is not a readable photograph")
    scale = (megapixels * 1e6 / found.size) ** 0.5
    gray = cv2.resize(found, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    pixels = np.repeat(np.asarray(gray, np.float32)[:, :, None] / np.float32(255), 3, axis=2)
    pixels = make_trial("mixed", pixels, 1).damaged
    height, width = pixels.shape[:2]
    models = LoadedModels(device="cpu", threads=threads)
    step, parameters = Step(), Repair(finder=finder, detector=detector)
    warm = Picture(pixels[:64, :64].copy(), ScanInfo("png", 64, 64, 8, 1))
    step.apply(Frame("warm", warm, warm), parameters, models)
    picture = Picture(pixels, ScanInfo("png", width, height, 8, 1))
    # from here on the peak counts anew: making the trial is not what is measured
    Path("/proc/self/clear_refs").write_text("5")
    started = time.perf_counter()
    outcome = step.apply(Frame("scan", picture, picture), parameters, models)
    seconds = time.perf_counter() - started
    share = float((outcome.mask > 0).mean()) if outcome.mask is not None else 0.0
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    return (
        f"{megapixels:6.1f} {seconds:8.2f} {seconds / megapixels:6.2f} {pixels.nbytes / MIB:12.0f} {peak:9.0f} "
        f"{100 * share:9.2f}"
    )


if __name__ == "__main__":
    main()
