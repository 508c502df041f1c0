#!/usr/bin/env bash
# setup.sh program|tests: system packages, libtorch, build. Called by ./peftlab and scripts/test.sh; says nothing of what
# is there already. A build that failed or was interrupted goes on where it was.
set -eu
unset CDPATH
PEFTLAB_ROOT=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PEFTLAB_ROOT
exec 3>&2
for part in places steps packages libtorch; do
  . "$PEFTLAB_ROOT/scripts/$part.sh"
done

what=${1-program}
case $what in
  program) preset=program ;;
  tests) preset=ci ;;
  *) fail "setup.sh: got '$what', expected program or tests" ;;
esac
build=$(build_folder "$preset")

# Two launchers at once: the second waits, and finds the work done.
take_lock() {
  mkdir -p "$PEFTLAB_HOME/logs" "$(dirname "$build")" 2>/dev/null ||
    fail "$PEFTLAB_HOME or $(dirname "$build") can not be written" "set PEFTLAB_HOME to a folder that can be"
  exec 8>"$PEFTLAB_HOME/.setup.lock" 9>"$build.lock"
  if ! flock -n 8 || ! flock -n 9; then
    say "waiting for another peftlab that sets up"
    flock 8
    flock 9
  fi
}

# What is there, and what there is to do, so that steps can be counted before the first begins. With system packages
# missing there may be no Python to ask yet: then everything is to do.
plan() {
  missing=
  if [ "${PEFTLAB_SYSTEM_PACKAGES-}" != skip ]; then missing=$(missing_packages "$what"); fi
  torch=$(torch_of_user)
  choose_python 2>/dev/null || python=
  find_tools
  num_steps=1
  [ -z "$missing" ] || num_steps=$((num_steps + 1))
  [ -n "$torch" ] || num_steps=$((num_steps + 1))
  [ -n "$cmake" ] || num_steps=$((num_steps + 1))
  is_configured || num_steps=$((num_steps + 1))
}

# Which Python, and whether the private environment made with it is there.
choose_python() {
  if [ -n "$torch" ]; then
    python=$(command -v "${VIRTUAL_ENV:-${CONDA_PREFIX:-/none}}/bin/python" || command -v python3)
    return
  fi
  python=$(supported_python) || return 1
  environment=$(environment_folder "$python" "torch$torch_version")
  [ ! -d "$environment" ] || adopt_environment
}

adopt_environment() {
  python=$environment/bin/python
  torch=$(folder_of_torch "$python")
}

# CMake and Ninja: the system's, or those of a private environment. Both empty: not there yet.
find_tools() {
  cmake=$(command -v cmake || true)
  ninja=$(command -v ninja || true)
  if [ -n "$ninja" ] && [ -n "$cmake" ] && at_least 3.25 "$("$cmake" --version | sed -n '1s/.* //p')"; then
    return
  fi
  cmake=
  ninja=
  [ -n "$python" ] || return 0
  tools=$(environment_folder "$python" tools)
  [ ! -d "$tools" ] || adopt_tools
}

adopt_tools() {
  cmake=$("$tools/bin/python" -c 'import cmake; print(cmake.CMAKE_BIN_DIR)')/cmake
  ninja=$("$tools/bin/python" -c 'import ninja; print(ninja.BIN_DIR)')/ninja
}

add_torch() {
  check_processor
  [ -n "$python" ] || choose_python
  [ -z "$torch" ] || return 0
  run_step "installing torch $torch_version into $environment" \
    "check the network, free space (6 GB at most) and pip's settings, then run the same command again; or point CMAKE_PREFIX_PATH at a libtorch >= $minimum_torch" \
    make_environment "$python" "$environment" install_torch
  adopt_environment
}

add_tools() {
  find_tools
  [ -z "$cmake" ] || return 0
  run_step "installing CMake and Ninja into $tools" \
    "check the network and pip's settings, or install cmake (>= 3.25) and ninja-build yourself" \
    make_environment "$python" "$tools" install_tools
  adopt_tools
}

# libtorch's headers take more than a gigabyte a compilation: as many at once as there are cores and memory for.
num_jobs() {
  local cores memory
  cores=$(getconf _NPROCESSORS_ONLN)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 2000000) }' /proc/meminfo 2>/dev/null || echo "$cores")
  [ "$memory" -lt "$cores" ] && cores=$memory
  [ "$cores" -ge 1 ] || cores=1
  printf '%s\n' "$cores"
}

# What CMake remembers holds for one libtorch, compiler and set of tools.
configuration() {
  printf '%s|' "$torch" "$cmake" "$ninja" "$PEFTLAB_ROOT" "$build" "${CC-}" "${CXX-}" "${CXXFLAGS-}" "${LDFLAGS-}" "${CMAKE_PREFIX_PATH-}"
  printf '\n'
}

is_configured() { [ -f "$build/build.ninja" ] && [ "$(cat "$build/peftlab.configuration" 2>/dev/null)" = "$(configuration)" ]; }

configure() {
  cd "$PEFTLAB_ROOT"
  "$cmake" --preset "$preset" --fresh -B "$build" "-DCMAKE_MAKE_PROGRAM=$ninja" "-DTorch_DIR=$torch/share/cmake/Torch"
  configuration >"$build/peftlab.configuration"
}

finish() {
  printf '%s\n' "$1" "$torch" "$python" >"$build/peftlab.stamp.new"
  mv "$build/peftlab.stamp.new" "$build/peftlab.stamp"
}

main() {
  local now
  take_lock
  logs=$PEFTLAB_HOME/logs
  now=$(signature)
  trap 'stop_watcher; rm -rf "$PEFTLAB_HOME"/env-*.partial' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ "$what" = program ] && is_current "$build"; then
    return
  fi
  plan
  if [ -n "$missing" ]; then install_packages "$missing"; fi
  [ -n "$torch" ] || add_torch
  [ -n "$cmake" ] || add_tools
  if ! is_configured; then
    run_step "configuring $build" \
      "install what the log names as missing, or point CMAKE_PREFIX_PATH at it, then run the same command again" configure
  fi
  run_step "building with $(num_jobs) jobs" \
    "mend what the compiler names above, then run the same command again: it goes on where it was" \
    "$ninja" -C "$build" -j "$(num_jobs)"
  finish "$now"
}
main
