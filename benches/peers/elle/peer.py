"""Elle, in Clojure: https://github.com/jepsen-io/elle

Its libraries are in no registry that everybody has: ELLE_CLASSPATH names all that it takes to load `elle.list-append`,
Clojure included. ELLE_MEMORY says how much memory it may take; without it, 8 GB.
"""

import json
import os
import pathlib
import shutil

NAME = "Elle"
# What it judges.
ABOUT = {"lists"}

HERE = pathlib.Path(__file__).parent


def build(scratch):
    """Nothing is built; says why not if it is not there."""
    if not shutil.which("java"):
        return "java is not installed"
    return None if os.environ.get("ELLE_CLASSPATH") else "ELLE_CLASSPATH is not set"


def command(scratch, runs, timeout, files):
    """What to run; it prints a line of JSON for each file."""
    converted = []
    for file in files:
        converted.append(scratch / (pathlib.Path(file).stem + ".edn"))
        with open(file) as ours, open(converted[-1], "w") as theirs:
            theirs.writelines(line + "\n" for line in convert(ours))
    memory = os.environ.get("ELLE_MEMORY", "8g")
    cores = os.environ.get("ELLE_CORES", "1")
    return ["java", f"-Xmx{memory}", f"-XX:ActiveProcessorCount={cores}", "-cp", os.environ["ELLE_CLASSPATH"],
            "clojure.main", HERE / "main.clj", runs, timeout, *converted]


def convert(lines):
    """A history of ours as operations of Jepsen's."""
    for index, line in enumerate(lines):
        event = json.loads(line)
        if "schism" in event:
            continue
        steps = " ".join(step(*parts) for parts in event["value"])
        yield (f'{{:index {index - 1}, :time {event["time"]}, :process {event["process"]}, '
               f':type :{event["type"]}, :f :txn, :value [{steps}]}}')


def step(name, key, argument):
    if isinstance(argument, list):
        argument = "[" + " ".join(map(str, argument)) + "]"
    return f"[:{name} {key} {'nil' if argument is None else argument}]"
