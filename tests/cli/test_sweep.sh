# peftlab sweep on toys: equal budgets, chosen on dev, tested once; shared out, gone on with, and what it refuses.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
sed 's/"rank": 2/"rank": 4/' toy.json >wide.json
cat >sweep.json <<'JSON'
{ "about": "which rate", "experiment": ["toy.json", "wide.json"],
  "space": { "/train/learning_rate": { "values": [1e-3, 1e-2, 1e30] }, "/train/clip_norm": { "values": [0] } },
  "search": "grid", "budget": { "steps": 6 } }
JSON

expect 0 "$PEFTLAB" sweep sweep.json --dry-run
holds out '6 trials to begin with, 0 have ended' 'learning_rate 0.01, clip_norm 0; 6 steps; missing'
is ! -e sweeps

# Two parts; the first cannot choose yet. The rate beyond all reason fails, which is a result.
expect 75 "$PEFTLAB" sweep sweep.json --shard 1/2 --no-final
holds err 'the same command goes on'
is "$(ls -d sweeps/sweep/trials/*/* | wc -l)" -eq 3
expect 0 "$PEFTLAB" sweep sweep.json --shard 2/2 --no-final
holds out 'toy: learning_rate 0.01, clip_norm 0' 'lowest loss on dev' '2 of 3 trials finished' 'sweep.json'
is ! -e sweeps/sweep/final

expect 0 "$PEFTLAB" sweep sweep.json --seeds 2 --jobs 2
lacks err 'trial'
holds out 'wide: learning_rate' 'score on test, 4 items'
python3 - <<'PY' || failed 'sweep.json does not hold what was done'
import glob, json
sweep = json.load(open("sweeps/sweep/sweep.json"))
assert sweep["status"] == "searched" and sweep["metric"]["direction"] == "lower" and len(sweep["final_runs"]) == 4
for experiment in sweep["experiments"]:
    assert experiment["num_steps"] == 18 and experiment["num_examples"] == 54, experiment
    best = min((t for t in experiment["trials"] if t["dev_score"] is not None), key=lambda t: t["dev_score"])
    assert experiment["chosen"]["trial"] == best["number"]
    failed = [t for t in experiment["trials"] if t["state"] == "failed"]
    assert len(failed) == 1 and "expected finite numbers" in failed[0]["reason"], failed
    for trial in experiment["trials"]:
        record = json.load(open("sweeps/sweep/" + trial["folder"] + "/run.json"))
        assert record["experiment"]["train"]["max_steps"] == 6 and "test" not in record["data"]["splits"], record["data"]
for run in sweep["final_runs"]:
    record = json.load(open("sweeps/sweep/" + run["folder"] + "/run.json"))
    assert record["status"] == "finished" and record["experiment"]["train"]["max_steps"] == 8
    assert record["experiment"]["train"]["learning_rate"] == sweep["experiments"][0]["chosen"]["settings"]["/train/learning_rate"] or run["experiment"] == "wide"
PY
before=$(stat -c %Y%i sweeps/sweep/trials/toy/*/*/run.json)
expect 0 "$PEFTLAB" sweep sweep.json --seeds 2 --format csv
holds out 'label,method'
lacks err 'starts'
is "$(stat -c %Y%i sweeps/sweep/trials/toy/*/*/run.json)" = "$before"
expect 2 "$PEFTLAB" sweep sweep.json --retry
holds err 'were tested already'

# The task's own metric, halving, and an interruption in between.
cat >halving.json <<'JSON'
{ "about": "which rate", "experiment": "toy.json", "space": { "/train/learning_rate": { "log_uniform": [1e-4, 1e-1] } },
  "search": "successive_halving", "budget": { "trials": 4, "epochs": 4, "eta": 2 }, "metric": "exact_match", "seed": 1 }
JSON
"$PEFTLAB" sweep halving.json >out 2>err </dev/null &
sweep=$!
for i in $(seq 300); do [ "$(ls -d sweeps/halving/trials/rung0/toy/* 2>/dev/null | wc -l)" -ge 2 ] && break || sleep 0.1; done
kill -TERM "$sweep"
status=0
wait "$sweep" || status=$?
is "$status" -eq 75
expect 0 "$PEFTLAB" sweep halving.json
holds out 'highest exact_match on dev' '7 of 7 trials finished'
is "$(ls -d sweeps/halving/trials/rung*/toy/* | wc -l)" -eq 7

sed -i 's/1e-1/1/' halving.json
expect 2 "$PEFTLAB" sweep halving.json
holds err 'holds another sweep'
sed 's/"steps": 6/"steps": 0, "trails": 1/; s/"grid"/"gird"/' sweep.json >wrong.json
expect 2 "$PEFTLAB" sweep wrong.json
holds err 'wrong.json:' "did you mean 'grid'?" "did you mean 'trials'?" 'of at least 1'
sed 's|/train/clip_norm|/method/rnak|' sweep.json >wrong.json
expect 2 "$PEFTLAB" sweep wrong.json
holds err rnak
is ! -e sweeps/wrong
for file in "$PEFTLAB_ROOT"/experiments/sweeps/*.json; do
  expect 0 "$PEFTLAB" sweep "$file" --dry-run
  holds out 'nothing was started'
done
expect 0 "$PEFTLAB" schema sweep
python3 -c 'import json, sys; assert "budget" in json.load(sys.stdin)["required"]' <out || failed 'schema sweep is no schema'
if python3 -c 'import jsonschema' 2>/dev/null; then
  python3 - "$PEFTLAB_ROOT" <<'PY' || failed 'a sweep that runs does not fit its schema'
import json, jsonschema, sys
schema = json.load(open("out"))
for file in ["sweep.json", "halving.json", sys.argv[1] + "/experiments/sweeps/roads.json"]:
    jsonschema.validate(json.load(open(file)), schema)
PY
fi
