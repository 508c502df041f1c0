# System packages: which are missing, and how they get here. Sourced by setup.sh.

required_packages="nlohmann-json3-dev libcli11-dev libsqlite3-dev libssl-dev libpcre2-dev libutf8proc-dev libeigen3-dev \
libboost-dev libboost-filesystem-dev"
test_packages="libgtest-dev libgmock-dev"

has_python_with_venv() {
  local python
  for python in $(python_candidates); do
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
  done
  return 1
}

# missing_packages program|tests: Debian's names, on one line. A tool counts as there wherever it came from.
missing_packages() {
  local wanted=$required_packages missing='' package
  [ "$1" = tests ] && wanted="$wanted $test_packages"
  if command -v dpkg-query >/dev/null; then
    for package in $wanted; do
      case $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true) in
        ii*) ;;
        *) missing="$missing $package" ;;
      esac
    done
  fi
  local compiler=${CXX:-c++}
  command -v "${compiler%% *}" >/dev/null || missing="$missing g++"
  command -v pkg-config >/dev/null || missing="$missing pkg-config"
  has_python_with_venv || missing="$missing python3-venv"
  printf '%s\n' "${missing# }"
}

# What goes before a command that needs root: nothing, "sudo -n", or failure where it may not.
root_prefix() {
  if [ "$(id -u)" -eq 0 ]; then
    return 0
  fi
  command -v sudo >/dev/null && sudo -n true 2>/dev/null && printf 'sudo -n'
}

apt_install() {
  local prefix=$1 options="-o DPkg::Lock::Timeout=600 -q -y --no-install-recommends"
  shift
  export DEBIAN_FRONTEND=noninteractive
  $prefix apt-get -q update || echo "the package lists could not be renewed; trying with those that are here"
  $prefix apt-get install $options "$@"
}

# install_packages NAMES: installs them, or ends with the one command to type.
install_packages() {
  local packages=$1 prefix
  if ! command -v apt-get >/dev/null; then
    fail "these are missing (by Debian's names): $packages" "install them with this system's package manager, then run the same command again"
  fi
  if ! prefix=$(root_prefix); then
    fail "system packages are missing, and installing them needs root; type this once, then run the same command again:" \
      "  sudo apt-get install -y --no-install-recommends $packages"
  fi
  run_step "installing system packages: $packages" \
    "check the network and free space, or install them yourself: apt-get install -y $packages" \
    apt_install "$prefix" $packages
}
