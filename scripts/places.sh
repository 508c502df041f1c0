# Where things lie, and whether what was built is still what the sources say. Sourced, with PEFTLAB_ROOT set; uses
# nothing but a POSIX shell's own tools, since it runs before anything is set up and at every start.

# The cache: models, data, the private environment. A home folder that can not be written counts as none.
peftlab_home() {
  if [ -n "${PEFTLAB_HOME-}" ]; then
    case $PEFTLAB_HOME in
      /*) printf '%s\n' "$PEFTLAB_HOME" ;;
      *) printf '%s\n' "$PWD/$PEFTLAB_HOME" ;;
    esac
    return
  fi
  case ${XDG_CACHE_HOME-} in
    /*) printf '%s\n' "$XDG_CACHE_HOME/peftlab"; return ;;
  esac
  case ${HOME-} in
    /*)
      if [ -w "$HOME" ]; then
        printf '%s\n' "$HOME/.cache/peftlab"
        return
      fi ;;
  esac
  printf '%s\n' "$PEFTLAB_ROOT/.peftlab"
}

# build_folder NAME: build/NAME in the checkout, or in the cache where the checkout can not be written.
build_folder() {
  if [ -w "$PEFTLAB_ROOT" ]; then
    printf '%s\n' "$PEFTLAB_ROOT/build/$1"
  else
    printf '%s\n' "$PEFTLAB_HOME/builds/$(printf '%s' "$PEFTLAB_ROOT" | cksum | tr -d ' ')-$1"
  fi
}

# One number that changes whenever a source, a build file or what was asked for does.
signature() {
  (
    cd "$PEFTLAB_ROOT"
    {
      find CMakeLists.txt CMakePresets.json cmake core include methods scripts -type f \
        ! -name '*.md' ! -name '*.pyc' -exec cksum {} + | LC_ALL=C sort
      printf '%s\n' "$PEFTLAB_ROOT" "${CMAKE_PREFIX_PATH-}" "${Torch_DIR-}" "${VIRTUAL_ENV-}" "${CONDA_PREFIX-}" \
        "${PEFTLAB_TORCH-}" "${PEFTLAB_TORCH_INDEX-}" "${CC-}" "${CXX-}" "${CXXFLAGS-}" "${LDFLAGS-}"
    } | cksum
  )
}

# is_current BUILD: true when BUILD was finished from these sources and the libtorch it was built with is still there.
# A stamp has three lines: the signature, libtorch's folder, a Python with pip.
is_current() {
  [ -x "$1/core/peftlab" ] && [ -f "$1/peftlab.stamp" ] || return 1
  {
    IFS= read -r stamp_signature && IFS= read -r stamp_torch && IFS= read -r stamp_python
  } <"$1/peftlab.stamp" || return 1
  [ -e "$stamp_torch/lib/libtorch.so" ] || return 1
  [ "$stamp_signature" = "$(signature)" ]
}

# use_build BUILD: what the program and its helpers are told.
use_build() {
  PEFTLAB_EXPERIMENTS=${PEFTLAB_EXPERIMENTS-$PEFTLAB_ROOT/experiments}
  PEFTLAB_PYTHON=${PEFTLAB_PYTHON-$(sed -n 3p "$1/peftlab.stamp")}
  export PEFTLAB_EXPERIMENTS PEFTLAB_PYTHON
}

PEFTLAB_HOME=$(peftlab_home)
export PEFTLAB_HOME
