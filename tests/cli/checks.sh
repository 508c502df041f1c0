# What command-line tests are written with. A check that fails says what was got and ends the test with status 1.

num_checks=0

skip() {
  echo "skipped: $*"
  exit 77
}

failed() {
  echo "FAILED: $1" >&2
  [ ! -f out ] || { echo "--- stdout" >&2; cat out >&2; }
  [ ! -f err ] || { echo "--- stderr" >&2; cat err >&2; }
  exit 1
}

# expect STATUS COMMAND...: runs it with stdout in ./out and stderr in ./err.
expect() {
  local wanted=$1 got=0
  shift
  "$@" >out 2>err </dev/null || got=$?
  num_checks=$((num_checks + 1))
  [ "$got" -eq "$wanted" ] || failed "exit status $got, expected $wanted: $*"
}

# holds FILE TEXT...: the file has each text in it.
holds() {
  local file=$1 text
  shift
  for text in "$@"; do
    num_checks=$((num_checks + 1))
    grep -qF -- "$text" "$file" || failed "$file does not hold '$text'"
  done
}

lacks() {
  num_checks=$((num_checks + 1))
  ! grep -qF -- "$2" "$1" || failed "$1 holds '$2'"
}

# is TEST-ARGUMENTS...: as test(1), with a message.
is() {
  num_checks=$((num_checks + 1))
  [ "$@" ] || failed "not true: $*"
}

checks_done() {
  [ "$num_checks" -gt 0 ] || failed "the test checked nothing"
  echo "$num_checks checks"
}
