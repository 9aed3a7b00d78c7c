"""Stands in for `gh api`: answers from a file, filters with jq as gh does, writes down what would change GitHub."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import jq

parser = argparse.ArgumentParser()
parser.add_argument("api", choices=["api"])
parser.add_argument("path")
parser.add_argument("--method", default="GET")
parser.add_argument("--jq")
parser.add_argument("--paginate", action="store_true")
parser.add_argument("--silent", action="store_true")
parser.add_argument("-f", action="append", default=[])
parser.add_argument("-F", action="append", default=[])
asked = parser.parse_args()
state = Path(os.environ["FAKE_GITHUB"])
github = json.loads(state.read_text())
if asked.method == "GET":
    about = "comments" if asked.path.endswith("/comments") else "pulls"
    for value in jq.compile(asked.jq).input_value(github[about]):
        print(value)
else:
    body = Path(asked.F[0].removeprefix("body=@")).read_text(encoding="utf-8")
    state.with_name("calls.json").write_text(json.dumps([[asked.method, asked.path, body]]))
