#!/usr/bin/env python3
"""Feeds finished runs to Weights & Biases with its own client, offline unless told otherwise.

    scripts/wandb_import.py runs --project roads      # writes ./wandb/offline-run-*; `wandb sync` sends them on

One run each: its settings as config, its losses by step, its scores, costs and forgetting as summary, the seeds of an
experiment as one group. The same run always gets the same id, so that importing it again replaces it."""
import argparse
import hashlib
import json
import math
import pathlib
import sys

MOST_DEPTH = 32


def find_records(paths):
    """Folders with a run.json, in the order of their names; each once."""
    found = {}
    for path in paths:
        if not path.exists():
            sys.exit(f"wandb_import.py: {path}: no such file or folder")
        records = [path / "run.json"] if (path / "run.json").is_file() else sorted(path.rglob("run.json"))
        for record in records:
            found.setdefault(record.resolve(), record.parent)
    return list(found.values())


def read_record(folder):
    try:
        record = json.loads((folder / "run.json").read_text())
    except (OSError, ValueError) as error:
        return None, f"cannot be read: {error}"
    if not isinstance(record, dict) or "result_version" not in record:
        return None, "no record of peftlab: it has no result_version"
    if record.get("status") != "finished":
        return None, f"its status is '{record.get('status')}', only finished runs are fed"
    return record, ""


def flat(value, name="", depth=0):
    """Numbers and texts below `value` by the keys that lead to them; lists as they are."""
    if isinstance(value, dict) and depth < MOST_DEPTH:
        for key, inner in value.items():
            yield from flat(inner, f"{name}/{key}" if name else str(key), depth + 1)
    elif value is not None:
        yield name, value


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def config_of(record):
    experiment = {key: value for key, value in record.get("experiment", {}).items() if key not in ("about", "seeds")}
    config = dict(flat(experiment))
    methods = record.get("methods") or []
    config["method"] = " + ".join(str(method.get("name")) for method in methods)
    for method in methods:
        config.update(flat(method.get("options", {}), str(method.get("name"))))
    for key in ("peftlab", "commit", "result_version", "num_trainable"):
        if key in record:
            config[key] = record[key]
    config.update(flat(record.get("hashes", {}), "hashes"))
    config.update(flat(record.get("machine", {}), "machine"))
    return config


def summary_of(record):
    """Every number among the results; texts are answers and stay in the run's folder."""
    results = {key: value for key, value in record.get("results", {}).items() if key != "reports"}
    texts = results.get("forgetting", {}).get("texts", [])
    known = [text for text in texts if isinstance(text, dict) and "kind" in text]
    results["forgetting"] = {text["kind"]: text.get("loss_change_nats", {}) for text in known}
    return {name: value for name, value in flat(results) if is_number(value)}


def steps_of(folder):
    """(step, numbers) of metrics.jsonl; a torn last line is passed over."""
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return
    for line in path.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            numbers = {key: value for key, value in entry.items() if is_number(value) and math.isfinite(value)}
            numbers.pop("step", None)
            yield entry["step"], numbers


def identity_of(record, folder):
    known = record.get("identity") or str(folder.resolve())
    return hashlib.sha256(f"{known} {record.get('seed')}".encode()).hexdigest()[:16]


def feed(wandb, folder, record, options):
    run = wandb.init(project=options.project, entity=options.entity, mode=options.mode, dir=options.dir,
                     id=identity_of(record, folder), name=f"{record.get('name')}-{record.get('seed')}",
                     group=record.get("name"), notes=record.get("about"), config=config_of(record), reinit=True)
    for step, numbers in steps_of(folder):
        run.log(numbers, step=step)
    run.summary.update(summary_of(record))
    run.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=pathlib.Path, help="run folders, or folders that hold some")
    parser.add_argument("--project", default="peftlab")
    parser.add_argument("--entity", default=None, help="the team; default: your own")
    parser.add_argument("--mode", choices=["offline", "online"], default="offline")
    parser.add_argument("--dir", default=".", help="where the client writes; default: here")
    options = parser.parse_args()
    folders = find_records(options.runs)
    if not folders:
        sys.exit("wandb_import.py: no runs found; expected folders with run.json, as peftlab run makes them")
    try:
        import wandb
    except ImportError:
        sys.exit("wandb_import.py: the Python package wandb is not installed; install it with: pip install wandb")
    num_fed = 0
    for folder in folders:
        record, problem = read_record(folder)
        if record is None:
            print(f"{folder}: left out, {problem}")
            continue
        feed(wandb, folder, record, options)
        num_fed += 1
    print(f"{num_fed} of {len(folders)} runs fed to project {options.project}, {options.mode}")
    sys.exit(0 if num_fed else 1)


main()
