"""The task matmul: two matrices of the shapes asked for, their product, and each of its rows in a file.

`exit_code: N` among the parameters ends it with that code after its outputs, `sleep_s: N` has it wait before them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("task", choices=["matmul"])
parser.add_argument("--parameters_file", type=Path, required=True)
parser.add_argument("--output_file", type=Path, required=True)
parser.add_argument("--rows_dir", type=Path, required=True)
options = parser.parse_args()

text = options.parameters_file.read_text("utf-8")
settings = {name: json.loads(value) for name, value in re.findall(r"^(\w+): *(.+)$", text, re.MULTILINE)}
(rows, inner), (other, columns) = settings["matrix_a"], settings["matrix_b"]
if inner != other:
    sys.exit(f"matmul: {rows}x{inner} and {other}x{columns} cannot be multiplied")
(options.rows_dir / "begun").write_text("")
time.sleep(settings.get("sleep_s", 0))
one = [[row * column % 7 for column in range(inner)] for row in range(rows)]
two = [[row + column for column in range(columns)] for row in range(inner)]
product = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*two, strict=True)] for row in one]
options.output_file.write_text(json.dumps({"shape": [rows, columns], "trace": sum(map(max, product))}) + "\n")
for number, row in enumerate(product[:3]):
    (options.rows_dir / f"row_{number}.json").write_text(json.dumps({"maximum": max(row)}) + "\n")
sys.exit(settings.get("exit_code", 0))
