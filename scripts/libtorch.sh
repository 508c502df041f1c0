# libtorch: the one the user points to, or a pinned one in a private environment. Sourced by setup.sh.

torch_version=2.13.0
minimum_torch=2.6
supported_pythons="3.10 3.11 3.12 3.13 3.14"
supported_processors="x86_64 aarch64"

python_candidates() {
  local version
  printf 'python3\n'
  for version in $supported_pythons; do printf 'python%s\n' "$version"; done
}

# at_least WANTED GOT, for versions such as 3.25 and 2.13.0+cpu.
at_least() { [ "$(printf '%s\n%s\n' "$1" "${2%%+*}" | sort -V | head -n 1)" = "$1" ]; }

# The first Python that the pinned torch is built for.
supported_python() {
  local python version
  for python in $(python_candidates); do
    version=$("$python" -c 'import sys, ensurepip, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case " $supported_pythons " in
      *" $version "*) command -v "$python"; return ;;
    esac
  done
  fail "no Python that torch $torch_version is built for was found (python3 is $(python3 --version 2>&1 || echo missing))" \
    "supported are Python $supported_pythons: install one of them with its venv module, or point CMAKE_PREFIX_PATH at a libtorch >= $minimum_torch"
}

check_processor() {
  local processor
  processor=$(uname -m)
  case " $supported_processors " in
    *" $processor "*) ;;
    *) fail "torch $torch_version has no build for this processor ($processor); there are builds for: $supported_processors" \
      "point CMAKE_PREFIX_PATH at a libtorch >= $minimum_torch built for it" ;;
  esac
}

version_of_torch() {
  sed -n 's/^ *set(PACKAGE_VERSION "\([^"]*\)").*/\1/p' "$1/share/cmake/Torch/TorchConfigVersion.cmake" 2>/dev/null | head -n 1
}

# accept_torch FOLDER WHO: prints the folder; an old libtorch is refused rather than passed over.
accept_torch() {
  local version
  version=$(version_of_torch "$1")
  at_least "$minimum_torch" "${version:-0}" ||
    fail "$2 has libtorch ${version:-of an unknown version} ($1); peftlab needs $minimum_torch or newer" \
      "point CMAKE_PREFIX_PATH at a newer one, or let peftlab use its own: PEFTLAB_TORCH=own"
  printf '%s\n' "$1"
}

# The libtorch the user points to; nothing when there is none.
torch_of_user() {
  local folder environment python
  [ "${PEFTLAB_TORCH-}" != own ] || return 0
  if [ -n "${Torch_DIR-}" ]; then
    accept_torch "${Torch_DIR%/share/cmake/Torch*}" Torch_DIR
    return
  fi
  while IFS= read -r folder; do
    if [ -n "$folder" ] && [ -f "$folder/share/cmake/Torch/TorchConfig.cmake" ]; then
      accept_torch "$folder" CMAKE_PREFIX_PATH
      return
    fi
  done <<END
$(printf '%s' "${CMAKE_PREFIX_PATH-}" | tr ':;' '\n\n')
END
  for environment in "${VIRTUAL_ENV-}" "${CONDA_PREFIX-}"; do
    python=$environment/bin/python
    [ -n "$environment" ] && [ -x "$python" ] || continue
    folder=$("$python" -c 'import importlib.util as u, os; s = u.find_spec("torch"); print(os.path.dirname(s.origin) if s and s.origin else "")' \
      2>/dev/null) || continue
    if [ -n "$folder" ] && [ -f "$folder/share/cmake/Torch/TorchConfig.cmake" ]; then
      accept_torch "$folder" "the active Python environment $environment"
      return
    fi
  done
}

# Where the private environment lies: another pin, Python or index is another environment.
environment_folder() {
  local tag
  tag=$("$1" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
  [ -z "${PEFTLAB_TORCH_INDEX-}" ] || tag="$tag-$(printf '%s' "$PEFTLAB_TORCH_INDEX" | cksum | cut -d ' ' -f 1)"
  printf '%s\n' "$PEFTLAB_HOME/env-$2-$tag"
}

pip_in() {
  local python=$1 version progress=''
  shift
  version=$("$python" -m pip --version | cut -d ' ' -f 2)
  if at_least 24.1 "$version"; then progress='--progress-bar raw'; fi
  "$python" -m pip install --disable-pip-version-check --no-input --only-binary :all: $progress "$@"
}

folder_of_torch() { "$1" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"] + "/torch")'; }

# True when pip installed the CPU build, false when it knows of none. A pip that knows of no torch at all has no network.
install_cpu_torch() {
  local said
  said=$(mktemp)
  if pip_in "$1" --no-deps "torch==$torch_version+cpu" 2>"$said"; then
    rm -f "$said"
    return 0
  fi
  cat "$said"
  if grep -q 'from versions: none' "$said" || ! grep -q 'No matching distribution' "$said"; then
    rm -f "$said"
    exit 1
  fi
  rm -f "$said"
  return 1
}

# The CPU build needs none of torch's Python dependencies; a CUDA build needs the libraries among them.
install_torch() {
  local python=$1 index=
  if [ -n "${PEFTLAB_TORCH_INDEX-}" ]; then
    index="--index-url $PEFTLAB_TORCH_INDEX"
    pip_in "$python" --no-deps $index "torch==$torch_version"
    [ -e "$(folder_of_torch "$python")/lib/libtorch_cuda.so" ] || return 0
  elif install_cpu_torch "$python"; then
    return
  else
    say "pip offers no CPU build of torch $torch_version here: taking the default build. That is a download of 530 MB, and of" \
      "about 2.8 GB with the CUDA libraries it needs (4.7 GB on disk). To avoid it, stop this and set PEFTLAB_TORCH_INDEX to" \
      "a package index with CPU builds, or CMAKE_PREFIX_PATH to a libtorch >= $minimum_torch." 2>&3
  fi
  pip_in "$python" $index "torch==$torch_version"
}

install_tools() { pip_in "$1" 'cmake>=3.25' ninja; }

# make_environment PYTHON FOLDER INSTALLER: a folder of that name is always whole, since it is renamed into place last.
make_environment() {
  local partial=$2.partial
  rm -rf "$partial"
  "$1" -m venv "$partial"
  "$3" "$partial/bin/python"
  mv "$partial" "$2"
}
