# The README's table of methods on road names, made at toy scale by the very command that stands there.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy

command=$(grep -o 'peftlab compare experiments/roads_{.*--seeds 3' "$PEFTLAB_ROOT/README.md" | head -1)
is -n "$command"
names=$(sed 's/.*{\(.*\)}.*/\1/; s/,/ /g' <<<"$command")
files=()
for name in $names; do files+=("$PEFTLAB_ROOT/experiments/roads_$name.json"); done

# AdaLoRA's schedule, made for 150 steps, fits into 80.
expect 0 "$PEFTLAB" compare "${files[@]}" --seeds 3 --quiet --format json --set "/model=\"$PWD/model\"" \
  --set "/task=\"$PWD/task.json\"" --set /train/max_steps=80 --set /evaluate/max_new_tokens=6 --set /evaluate/forgetting=false
NAMES=$names python3 - <<'PY' || failed 'the table is not the one of the README'
import json, os
table = json.load(open("out"))
rows = {row["label"]: row for row in table["rows"]}
names = ["roads_" + name for name in os.environ["NAMES"].split()]
assert len(names) == 8 and set(names) <= set(rows), rows.keys()
# The type that the base is kept in by default is the processor's to choose.
assert set(rows) - set(names) in ({"base (bf16)", "base (nf4)"}, {"base (f32)", "base (nf4)"}), rows.keys()
for name in names:
    assert len(rows[name]["seeds"]) == 3 and not rows[name]["problems"], rows[name]
assert all(run["problem"] == "" for run in table["runs"]), table["runs"]
PY
