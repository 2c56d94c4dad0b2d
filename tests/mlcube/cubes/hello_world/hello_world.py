"""The tasks hello and bye: read a name, add a line to a chat."""

from __future__ import annotations

import argparse
from pathlib import Path

SENTENCES = {"hello": "Hello {}! Nice to meet you.", "bye": "Bye {}! See you soon."}

parser = argparse.ArgumentParser()
parser.add_argument("task", choices=SENTENCES)
parser.add_argument("--name", type=Path, required=True)
parser.add_argument("--chat", type=Path, required=True)
options = parser.parse_args()
name = options.name.read_text("utf-8").strip()
with options.chat.open("a", encoding="utf-8") as chat:
    chat.write(SENTENCES[options.task].format(name) + "\n")
print(f"{options.task}: {name}")
