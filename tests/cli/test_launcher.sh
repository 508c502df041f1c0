# The launcher on a small project of the same shape, with a libtorch and tools that are only looked at: no network.

program=$PWD/'a checkout'/peftlab
cache=$PWD/'a checkout'/.peftlab

make_torch() {
  mkdir -p "$1/share/cmake/Torch" "$1/lib"
  echo "set(PACKAGE_VERSION \"$2\")" >"$1/share/cmake/Torch/TorchConfigVersion.cmake"
  touch "$1/share/cmake/Torch/TorchConfig.cmake" "$1/lib/libtorch.so"
}

write_main() {
  cat >'a checkout/core/main.cpp' <<END
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv) {
  std::printf("$1 root=%s home=%s\n", std::getenv("PEFTLAB_ROOT"), std::getenv("PEFTLAB_HOME"));
  for (int i = 1; i < argc; ++i) std::printf("[%s]\n", argv[i]);
  for (int c; (c = std::getchar()) != EOF;) std::putchar(c);
  return argc > 5 ? 75 : 0;
}
END
}

make_checkout() {
  mkdir -p 'a checkout'/{cmake,core,include,methods,experiments,elsewhere}
  cp -r "$PEFTLAB_ROOT/peftlab" "$PEFTLAB_ROOT/scripts" "$PEFTLAB_ROOT/CMakePresets.json" 'a checkout'
  cat >'a checkout/CMakeLists.txt' <<'END'
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
add_executable(peftlab core/main.cpp)
set_target_properties(peftlab PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/core)
enable_testing()
add_test(NAME runs COMMAND peftlab)
add_test(NAME interrupted COMMAND peftlab 1 2 3 4 5)
END
  write_main first
}

# stub NAME [LINE...]: a command of that name that notes its use and then runs the lines.
stub() {
  local name=$1
  shift
  mkdir -p stubs
  {
    echo '#!/usr/bin/env bash'
    printf 'echo "%s $*" >>"%s"\n' "$name" "$PWD/used"
    printf '%s\n' "$@"
  } >"stubs/$name"
  chmod +x "stubs/$name"
}

no_stubs() { rm -rf stubs used; touch used; }

# A plain environment: no home folder, no Python environment, the stubs first, and the system packages taken as there.
run() {
  env -u HOME -u XDG_CACHE_HOME -u PEFTLAB_HOME -u VIRTUAL_ENV -u CONDA_PREFIX -u Torch_DIR -u PEFTLAB_TORCH_INDEX -u PEFTLAB_ROOT \
    -u PEFTLAB_METHODS -u PEFTLAB_EXPERIMENTS -u PEFTLAB_PYTHON PEFTLAB_SYSTEM_PACKAGES=skip "CMAKE_PREFIX_PATH=$PWD/torch" \
    "PATH=$PWD/stubs:$PWD/tools:$(dirname "$CMAKE"):$PATH" "$@"
}

make_torch torch 2.13.0
make_checkout
no_stubs

# First use, by two at once, with a space in the path and no home folder: built once, arguments and input handed on.
stub ninja "exec \"$NINJA\" \"\$@\""
mkdir tools && mv stubs/ninja tools
run "$program" other >other.out 2>other.err </dev/null &
other=$!
expect 0 run "$program" 'one word' two
is "$(sed -n 1p out)" = "first root=$PWD/a checkout home=$cache"
is "$(sed -n 2p out)" = '[one word]'
wait "$other" || failed "the other of two launchers failed: $(cat other.err)"
holds other.out '[other]'
cat err other.err >both
holds both 'waiting for another peftlab' '[1/2] configuring' '[2/2] building' 'done in'
is "$(grep -c -- '-C .*build/program -j' used)" -eq 1
no_stubs

# Nothing has changed: no tool is asked anything.
for name in python3 pip pip3 apt-get dpkg-query sudo cmake ninja; do stub "$name" 'exit 1'; done
expect 0 run "$program" again
is ! -s err
is ! -s used
no_stubs

# By a link, from another folder, with input.
ln -s ../peftlab 'a checkout/elsewhere/link'
ln -s "$PWD/a checkout/elsewhere/link" link
echo 'some input' | run ./link >out || failed "by a link"
holds out "root=$PWD/a checkout" 'some input'

# The program's own exit status.
expect 75 run "$program" 1 2 3 4 5

# An edit builds again; one that does not compile says so, and what to do; its mending goes on.
write_main second
expect 0 run "$program"
holds out 'second root'
holds err '[1/1] building'
lacks err 'configuring'
echo 'not C++' >>'a checkout/core/main.cpp'
expect 1 run "$program"
holds err 'error:' '[1/1] building' 'failed after' 'what to do: mend' 'the whole log: '
is ! -s out
write_main third
expect 0 run "$program"
holds out 'third root'

# Every test: the runner's own summary and status.
expect 0 run bash 'a checkout/scripts/test.sh' -R runs
holds err '[1/2] configuring' '[2/2] building'
holds out '100% tests passed, 0 tests failed out of 1'
expect 8 run bash 'a checkout/scripts/test.sh'
holds out '50% tests passed, 1 tests failed out of 2'
lacks err configuring

# Another libtorch is another configuration.
make_torch torch2 2.6.0
expect 0 run env "CMAKE_PREFIX_PATH=/nowhere:$PWD/torch2" "$program"
holds err '[1/2] configuring'

# A checkout that was moved is configured anew.
mv 'a checkout' moved
expect 0 run "$PWD/moved/peftlab"
holds out "third root=$PWD/moved"
mv moved 'a checkout'

# An old libtorch is refused, whoever points to it.
make_torch old 1.13.1
expect 1 run env "CMAKE_PREFIX_PATH=$PWD/old" "$program"
holds err "CMAKE_PREFIX_PATH has libtorch 1.13.1 ($PWD/old); peftlab needs 2.6 or newer" 'PEFTLAB_TORCH=own'
stub python "echo $PWD/old"
mkdir -p venv/bin && mv stubs/python venv/bin/python
expect 1 run env -u CMAKE_PREFIX_PATH "VIRTUAL_ENV=$PWD/venv" "$program"
holds err "the active Python environment $PWD/venv has libtorch 1.13.1"
no_stubs

# The home folder's cache, where there is one, and PEFTLAB_HOME before it.
mkdir home
expect 0 run env "HOME=$PWD/home" "$program"
holds out "home=$PWD/home/.cache/peftlab"
expect 0 run env "HOME=$PWD/home" PEFTLAB_HOME=own "$program"
holds out "home=$PWD/own"

# System packages without root: one command to type, and nothing tried.
write_main fourth
stub dpkg-query 'exit 1'
stub apt-get
stub id 'echo 1000'
stub sudo 'exit 1'
expect 1 run env PEFTLAB_SYSTEM_PACKAGES= "$program"
holds err 'type this once' 'sudo apt-get install -y --no-install-recommends nlohmann-json3-dev'
is "$(grep -c 'apt-get install' err)" -eq 1
lacks used 'apt-get'

# With sudo that asks nothing, they are installed.
stub sudo '[ "$1" = -n ] && shift; [ "$1" = true ] || exec "$@"'
expect 0 run env PEFTLAB_SYSTEM_PACKAGES= "$program"
holds err '[1/2] installing system packages: nlohmann-json3-dev'
holds used 'apt-get -q update' 'apt-get install -o DPkg::Lock::Timeout=600 -q -y --no-install-recommends nlohmann-json3-dev'
no_stubs

# A processor or a Python that the pinned torch is not built for: the ones it is built for are listed.
stub uname 'echo riscv64'
expect 1 run env PEFTLAB_TORCH=own "$program"
holds err 'no build for this processor (riscv64); there are builds for: x86_64 aarch64'
no_stubs
for version in '' .10 .11 .12 .13 .14; do stub "python3$version" '[ "$1" = --version ] && echo Python 3.8.1 || echo 3.8'; done
expect 1 run env PEFTLAB_TORCH=own "$program"
holds err 'python3 is Python 3.8.1' 'supported are Python 3.10 3.11 3.12 3.13 3.14'
no_stubs

# An environment that could not be finished leaves nothing behind, and says what to do.
stub python3 'case "$*" in
  *%d.%d*) echo 3.12 ;;
  *cp%d%d*) echo cp312 ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip --version") echo pip 24.1 ;;
  *) echo "ERROR: no network (from versions: none)" >&2; exit 1 ;;
esac'
expect 1 run env PEFTLAB_TORCH=own "$program"
holds err '[1/3] installing torch 2.13.0' 'no network' 'what to do: check the network'
is -z "$(ls -d "$cache"/env-* 2>/dev/null)"
