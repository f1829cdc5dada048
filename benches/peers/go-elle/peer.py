"""go-elle, a port of Elle to Go: https://github.com/jasonqiu98/anti-pattern-graph-checker-single

It is no module that can be required: GO_ELLE names a folder with that repository.
"""

import os
import pathlib
import shutil
import subprocess

NAME = "go-elle"
# What it judges.
ABOUT = {"lists"}

HERE = pathlib.Path(__file__).parent


def build(scratch):
    """Builds the driver beside a copy of its packages; says why not if it cannot."""
    if not shutil.which("go"):
        return "go is not installed"
    source = os.environ.get("GO_ELLE")
    if not source:
        return "GO_ELLE names no folder with it"
    source = pathlib.Path(source)
    folder = scratch / "go-elle"
    for part in ["core", "txn", "list_append"]:
        shutil.copytree(source / "go-elle" / part, folder / "go-elle" / part, ignore=lambda _, names: [
            name for name in names if not name.endswith(".go") or name.endswith("_test.go")])
    for name in ["go.mod", "go.sum"]:
        shutil.copy(source / name, folder)
    (folder / "driver").mkdir()
    shutil.copy(HERE / "main.go", folder / "driver")
    built = subprocess.run(["go", "build", "-mod=mod", "-o", scratch / "go-elle-peer", "./driver"], cwd=folder)
    return None if built.returncode == 0 else "it could not be built"


def command(scratch, runs, timeout, files):
    """What to run; it prints a line of JSON for each file."""
    return [scratch / "go-elle-peer", runs, timeout, *files]
