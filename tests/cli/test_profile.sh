# peftlab profile on a toy: every phase and operation, as a table and as JSON, and what it refuses.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy

expect 0 "$PEFTLAB" profile toy.json --steps 4 --warm-up 2 --top 6
holds out 'toy, seed 0: 4 steps' 'useful tokens/s' 'forward' 'backward' 'optimizer' 'between' ' others'
is "$(grep -v '─' out | awk 'length($0) > 80' | wc -l)" -eq 0
is ! -e runs
expect 0 "$PEFTLAB" profile toy.json --steps 4 --json --quiet
is ! -s err
python3 - <<'PY' || failed 'the JSON does not add up'
import json
profile = json.load(open("out"))
phases = {p["phase"]: p for p in profile["phases"]}
assert profile["num_steps"] == 4 and phases["forward"]["num_calls"] == phases["optimizer"]["num_calls"] == 4, phases
names = {(o["phase"], o["operation"]) for o in profile["operations"]}
assert {("forward", "low_rank_linear"), ("backward", "LowRankProduct, backward"), ("forward", "attention"),
        ("optimizer", "aten::_fused_adamw_")} <= names, names
assert sum(p["seconds"] for p in phases.values()) <= profile["seconds"]
assert phases["backward"]["peak_bytes"] >= phases["optimizer"]["peak_bytes"] > 0, phases
PY

expect 2 "$PEFTLAB" profile toy.json --steps 7
holds err 'has 8 steps' '3 of warm-up and 7'
expect 2 "$PEFTLAB" profile toy.json --steps 0
expect 2 "$PEFTLAB" profile absent.json
holds err 'absent.json'
