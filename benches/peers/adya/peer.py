"""adya, a checker of isolation levels in Rust: https://crates.io/crates/adya"""

import pathlib
import shutil
import subprocess

NAME = "adya"
# What it judges.
ABOUT = {"lists"}

HERE = pathlib.Path(__file__).parent
MANIFEST = """
[package]
name = "adya-peer"
edition = "2024"

[dependencies]
adya = { version = "=0.1.0", default-features = false }

[profile.release]
lto = "thin"

[workspace]
"""


def build(scratch):
    """Builds the driver into the folder, outside our own build; says why not if it cannot."""
    folder = scratch / "adya"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(MANIFEST)
    shutil.copy(HERE / "main.rs", folder / "src")
    built = subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=folder)
    return None if built.returncode == 0 else "it could not be built"


def command(scratch, runs, timeout, files):
    """What to run; it prints a line of JSON for each file."""
    return [scratch / "adya" / "target" / "release" / "adya-peer", runs, timeout, *files]
