# peftlab compare and plan on toys: what is missing is run, each run a process of its own; killed, interrupted, shared out.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
sed 's/"rank": 2/"rank": 4/' toy.json >wide.json
sed 's/"max_steps": 8/"max_steps": 200000/' toy.json >long.json
# A run that ends by itself: a rate beyond all reason.
sed 's/"learning_rate": 1e-2/"learning_rate": 1e30, "clip_norm": 0/' toy.json >wild.json

expect 0 "$PEFTLAB" plan toy.json wide.json --seeds 2
holds out 'missing' '4 runs, 4 missing' 'runs/wide/seed1-'
expect 0 "$PEFTLAB" compare toy.json wide.json --seeds 2 --dry-run
holds out 'nothing was started'
is ! -e runs

expect 0 "$PEFTLAB" compare toy.json wide.json --seeds 2 --jobs 2 --baseline toy
holds out 'score on test, 4 items; differences to toy' 'wide'
holds err '2 runs at once' 'toy, seed 0: starts' 'wide, seed 1: finished'
expect 0 "$PEFTLAB" plan toy.json wide.json --seeds 2 --json
python3 -c 'import json, sys
runs = json.load(sys.stdin)
assert [(r["number"], r["experiment"], r["seed"], r["state"]) for r in runs] == [
    (1, "toy", 0, "finished"), (2, "toy", 1, "finished"), (3, "wide", 0, "finished"), (4, "wide", 1, "finished")], runs
record = json.load(open(runs[0]["folder"] + "/run.json"))
assert record["machine"]["runs_at_once"] == 2, record["machine"]
assert record["adapter_bytes"] > 0 and record["data"]["metric"] == "exact_match" and record["data"]["metric_direction"] == "higher"
scores = record["results"]["tuned"]["test"]["item_scores"]
assert len(scores) == 4 and set(scores) <= set("01"), scores
assert record["results"]["tuned"]["test"]["items"].startswith("4 items, ")
' <out || failed 'a record lacks what a comparison needs'

# The same command again runs nothing; the scores come from the records alone.
rm runs/*/*/predictions.jsonl
expect 0 "$PEFTLAB" compare toy.json wide.json --seeds 2 --format json
lacks err 'starts'
python3 -c 'import json, sys; t = json.load(sys.stdin); assert all(not r["warnings"] for r in t["runs"]) and len(t["rows"]) == 3, t' <out ||
  failed 'the table is not of two experiments and the base model'

# One run alone is the same run.
expect 0 "$PEFTLAB" run toy.json --seed 1
holds err 'this run is finished'

# What fails is a row with its reason, the others go on, and it is tried again.
expect 1 "$PEFTLAB" compare wild.json toy.json
holds err 'wild, seed 0: failed: ' '1 of 2 runs failed'
holds out 'wild' 'expected finite numbers'
expect 1 "$PEFTLAB" compare wild.json toy.json --quiet
is -z "$(grep -v '^peftlab: 1 of 2 runs failed' err)"

# A run that is killed outright.
"$PEFTLAB" compare long.json toy.json >out 2>err </dev/null &
comparison=$!
for i in $(seq 200); do ls runs/long/*/metrics.jsonl >/dev/null 2>&1 && break || sleep 0.1; done
kill -KILL "$(cat runs/long/*/lock | sed 's/process \([0-9]*\).*/\1/')"
status=0
wait "$comparison" || status=$?
is "$status" -eq 1
holds err 'long, seed 0: failed: killed (SIGKILL)' '1 of 2 runs failed'
lacks err '{'
holds out 'seed 0: failed: killed (SIGKILL): out of memory, or ended'
expect 0 "$PEFTLAB" plan long.json toy.json
holds out '2 runs, 1 failed, 1 finished' 'run 1 failed: killed (SIGKILL)'

# Ctrl-C: the runs leave a checkpoint, the same command goes on. The terminal's signal reaches the comparison alone.
rm -r runs/long
"$PEFTLAB" compare long.json toy.json >out 2>err </dev/null &
comparison=$!
for i in $(seq 200); do ls runs/long/*/metrics.jsonl >/dev/null 2>&1 && break || sleep 0.1; done
"$PEFTLAB" compare long.json toy.json >out2 2>err2 </dev/null && failed 'two comparisons ran one run' || is "$?" -eq 75
grep -q '1 of 2 runs are worked on by another process' err2 || failed "the second comparison does not tell: $(cat err2)"
kill -TERM "$comparison"
status=0
wait "$comparison" || status=$?
is "$status" -eq 75
holds err 'the same command goes on'
holds runs/long/*/run.json '"status": "interrupted"'
is -n "$(ls runs/long/*/checkpoints)"
expect 0 "$PEFTLAB" plan long.json toy.json
holds out '2 runs, 1 interrupted, 1 finished'

# The comparison is killed outright: its run notices, leaves a checkpoint and the folder.
"$PEFTLAB" compare long.json >out 2>err </dev/null &
comparison=$!
for i in $(seq 200); do [ -e runs/long/*/lock ] && break || sleep 0.1; done
child=$(sed 's/process \([0-9]*\).*/\1/' runs/long/*/lock)
sleep 1
kill -KILL "$comparison"
wait "$comparison" 2>/dev/null || true
for i in $(seq 200); do kill -0 "$child" 2>/dev/null && sleep 0.1 || break; done
if kill -0 "$child" 2>/dev/null; then
  kill -KILL "$child"
  failed 'a run goes on whose comparison is gone'
fi
holds runs/long/*/run.json '"status": "interrupted"'

# A full disk takes not even the record of it: the table tells the reason, and with room the same command goes on.
mkdir small
if mount -t tmpfs -o size=160k none small 2>/dev/null; then
  expect 1 "$PEFTLAB" compare toy.json wide.json --out small
  holds err 'wide, seed 0: failed: ' '1 of 2 runs failed'
  holds out 'wide has no result: seed 0: failed:' 'make room'
  mount -o remount,size=40m small
  expect 0 "$PEFTLAB" compare toy.json wide.json --out small
  lacks err 'toy, seed 0: starts'
  lacks out 'no result'
  umount small
fi

# Shared out: every part does its own, and the whole shows the table.
expect 0 "$PEFTLAB" compare toy.json wide.json --seeds 2 --out shared --shard 2/2
holds err 'part 2/2 is done'
is "$(ls -d shared/*/seed* | wc -l)" -eq 2
is -d "$(echo shared/toy/seed1-*)"
expect 0 "$PEFTLAB" compare toy.json wide.json --seeds 2 --out shared --shard 1/2
expect 0 "$PEFTLAB" compare toy.json wide.json --seeds 2 --out shared
lacks err 'starts'
holds out 'wide'

# Mistakes: of all files at once, before anything runs.
sed 's/"rank"/"rnak"/' toy.json >wrong.json
sed 's/"max_steps": 8/"max_steps": "8"/' toy.json >wrong2.json
expect 2 "$PEFTLAB" compare toy.json wrong.json wrong2.json nowhere.json --out other
holds err rnak max_steps nowhere.json
is ! -e other
expect 2 "$PEFTLAB" compare toy.json --seeds 0
holds err seeds
expect 2 "$PEFTLAB" compare toy.json --shard 3/2
holds err 'expected a part and how many there are'
expect 2 "$PEFTLAB" compare toy.json --set /seed=1
holds err 'give --seeds'
expect 2 "$PEFTLAB" compare
holds err experiments
expect 1 "$PEFTLAB" compare toy.json --out /proc/nowhere
holds err '/proc/nowhere'

# The index of what is there, two folders merged.
mkdir merged
cp -r runs merged/here
cp -r shared merged/there
expect 0 "$PEFTLAB" index merged
holds out 'merged/.index.sqlite: 10 runs, 10 added, 0 changed, 0 removed, 0 damaged' 'the same run as'
expect 0 "$PEFTLAB" index merged
holds out '10 runs, 0 added'
expect 2 "$PEFTLAB" index nowhere
holds err 'nowhere: no such folder'
