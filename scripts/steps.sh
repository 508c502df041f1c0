# Steps that say what they do, how far they are, how long they took and, when they fail, what to do. Sourced by setup.sh.

num_steps=0
step=0
watcher=
interactive=false
[ -t 2 ] && [ "${TERM-dumb}" != dumb ] && interactive=true
num_columns=$( (tput cols 2>/dev/null || echo 80) | head -n 1)

say() { printf 'peftlab: %s\n' "$*" >&2; }

# fail REASON [LINE...]: ends the set-up; the lines are shown as they are.
fail() {
  say "$1"
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" >&2
  exit 1
}

stop_watcher() {
  [ -n "$watcher" ] || return 0
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  watcher=
  if $interactive; then printf '\r\033[K' >&2; fi
}

# The last thing a log says, short: ninja's [12/80], or pip's bytes as a share.
last_words() {
  tail -c 2000 "$1" 2>/dev/null | tr '\r' '\n' | awk '
    /^Progress [0-9]+ of [0-9]+/ { last = sprintf("%d %% of %d MB", 100 * $2 / ($4 > 0 ? $4 : 1), $4 / 1e6); next }
    /[^ ]/ { last = $0 }
    END { sub(/^ +/, "", last); print last }'
}

# watch_log LABEL LOG: rewrites one line twice a second on a terminal, else writes a line every half minute.
watch_log() {
  local label=$1 log=$2 started=$SECONDS pause=30 line
  $interactive && pause=0.5
  local sleeper=
  trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM
  while true; do
    sleep "$pause" &
    sleeper=$!
    wait "$sleeper"
    line="$label: $((SECONDS - started)) s, $(last_words "$log")"
    if $interactive; then
      printf '\r\033[K%.*s' "$((num_columns - 1))" "$line" >&2
    else
      printf '%.120s\n' "$line" >&2
    fi
  done
}

# run_step TITLE REMEDY COMMAND...: the command's output goes to a log of its own, which a failure shows the end of.
run_step() {
  local title=$1 remedy=$2 started=$SECONDS status log label
  shift 2
  step=$((step + 1))
  label="[$step/$num_steps] $title"
  log=$logs/$step-$(printf '%s' "$title" | tr -cs 'A-Za-z0-9' '-' | cut -c 1-40).log
  printf '%s\n' "$label" >&2
  # Without the locks, which nothing but this process may hold.
  watch_log "$label" "$log" 8>&- 9>&- &
  watcher=$!
  set +e
  (set -e; "$@") >"$log" 2>&1 </dev/null
  status=$?
  set -e
  stop_watcher
  if [ "$status" -ne 0 ]; then
    printf '%s\n' "--- the end of $log:" >&2
    tail -n 25 "$log" >&2
    printf '%s\n' '---' >&2
    fail "$label failed after $((SECONDS - started)) s (exit status $status)" "what to do: $remedy" "the whole log: $log"
  fi
  printf '%s: done in %d s\n' "$label" "$((SECONDS - started))" >&2
}
