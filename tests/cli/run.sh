#!/usr/bin/env bash
# run.sh SCRIPT: runs one command-line test in an empty folder with checks.sh at hand.
set -eu
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch" 2>/dev/null || true; rm -rf "$scratch"' EXIT
cd "$scratch"
status=0
bash -eu -c '. "$1"; . "$2"; checks_done' checks "$(dirname "$1")/checks.sh" "$1" || status=$?
exit "$status"
