"""Porcupine, a linearizability checker in Go: https://github.com/anishathalye/porcupine"""

import pathlib
import re
import shutil
import subprocess

NAME = "Porcupine"
# What it judges, of the histories that we draw.
ABOUT = {"register"}

HERE = pathlib.Path(__file__).parent


def build(scratch):
    """Builds the driver into the folder; says why not if it cannot."""
    if not shutil.which("go"):
        return "go is not installed"
    built = subprocess.run(["go", "build", "-o", scratch / "porcupine", "."], cwd=HERE)
    return None if built.returncode == 0 else "it could not be built"


def command(scratch, runs, timeout, files):
    """What to run; it prints a line of JSON for each file."""
    return [scratch / "porcupine", runs, timeout, *files]


def sets(scratch):
    """Its own public histories, as files in our format: name of the set, checker, files."""
    found = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine"],
        cwd=HERE, capture_output=True, text=True,
    )
    logs = pathlib.Path(found.stdout.strip()) / "test_data"
    # Not those of 50 clients: ours does not decide them within its budget yet.
    for name, pattern, convert in [("etcd-logs", "jepsen/etcd_*.log", registers), ("kv-logs", "kv/c[01][01]-*.txt", texts)]:
        files = []
        for log in sorted(logs.glob(pattern)):
            lines = list(convert(log.read_text()))
            if len(lines) > 1:
                file = scratch / (log.stem + ".jsonl")
                file.write_text("".join(line + "\n" for line in lines))
                files.append(file)
        if files:
            yield f"{name}-{len(files)}", "linearizable", files


def texts(log):
    """A log of a key-value store whose values are texts, in our format."""
    yield '{"schism":"history","version":1,"name":"kv","concurrency":0}'
    line = re.compile(r'{:process (\d+), :type :(\w+), :f :(\w+), :key (".*?"), :value (.*)}')
    for index, text in enumerate(log.splitlines()):
        process, kind, f, key, value = line.match(text).groups()
        value = "null" if value == "nil" else value
        yield (
            f'{{"index":{index},"time":{index * 1000 + 1000},"process":{process},'
            f'"type":"{kind}","f":"{f}","key":{key},"value":{value}}}'
        )


def registers(log):
    """A log of Jepsen's in our format. A compare-and-set that failed was told that the value was another one."""
    yield '{"schism":"history","version":1,"name":"etcd","concurrency":0}'
    line = re.compile(r"INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(\w+)\s+:(read|write|cas)\s+(.*)")
    calls = {}
    index = 0
    for text in log.splitlines():
        found = line.match(text)
        if not found:
            continue
        process, kind, f, value = found.groups()
        value = value.strip()
        if value == "nil" or value.startswith(":"):
            value = "null"
        value = re.sub(r"(\d)\s+(\d)", r"\1,\2", value)
        if kind == "invoke":
            calls[process] = value
        elif kind == "fail" and f == "cas":
            kind, value = "ok", "false"
        elif f != "read":
            value = calls[process]
        index += 1
        yield (
            f'{{"index":{index - 1},"time":{index * 1000},"process":{process},'
            f'"type":"{kind}","f":"{f}","key":"r","value":{value}}}'
        )
