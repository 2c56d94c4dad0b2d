#!/usr/bin/env python3
"""VBench's score of a run's videos, as MLPerf takes it for WAN 2.2: the mean of six dimensions, in percent.

    score_vbench.py ANSWERS MEDIA OUTPUT EVALUATE...

EVALUATE is how VBench is started in an environment of its own: that environment's Python and VBench's `evaluate.py`. To
it are added `--videos_path`, `--output_path` and `--dimension` with all six. VBench finds a video by the name of its
prompt, so the videos are linked under these names first. Prints `vbench_score: NUMBER`; ends with 1, and why, for a
dimension that is missing: it is no zero.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

DIMENSIONS = (
    "subject_consistency",
    "background_consistency",
    "motion_smoothness",
    "dynamic_degree",
    "appearance_style",
    "scene",
)


def main(answers: Path, media: Path, output: Path, evaluate: list[str]) -> None:
    """Link, evaluate, read, print."""
    videos = output / "videos"
    videos.mkdir()
    taken: dict[str, int] = {}
    for line in answers.read_text("utf-8").splitlines():
        answer = json.loads(line)
        prompt = answer["expected"]["prompt"].replace("/", "_")
        index = taken.get(prompt, 0)
        taken[prompt] = index + 1
        (videos / f"{prompt}-{index}.mp4").symlink_to(media / f"{answer['ordinal']}.mp4")
    results = output / "results"
    options = ["--videos_path", str(videos), "--output_path", str(results), "--dimension", *DIMENSIONS]
    if status := subprocess.run([*evaluate, *options], stdout=sys.stderr).returncode:
        sys.exit(f"VBench ended with {status}")
    found = sorted(results.glob("*_eval_results.json"))
    if len(found) != 1:
        sys.exit(f"VBench wrote {len(found)} files *_eval_results.json, and one is wanted")
    told = json.loads(found[0].read_text("utf-8"))
    if lost := [name for name in DIMENSIONS if name not in told]:
        sys.exit(f"VBench did not score {', '.join(lost)}")
    scores = [float(told[name][0]) for name in DIMENSIONS]
    if not all(math.isfinite(score) for score in scores):
        sys.exit("a dimension's score is no finite number")
    print(f"vbench_score: {100 * math.fsum(scores) / len(scores)!r}")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
