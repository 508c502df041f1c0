# peftlab bench on a toy: the law of each method, as a table and as JSON, and what it refuses.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
for method in full last_layer prompt_tuning; do
  printf '{ "about": "a toy", "extends": "toy.json", "method": { "name": "%s" } }\n' "$method" >"$method.json"
done

expect 0 "$PEFTLAB" bench toy.json full.json --steps 4 --warm-up 2 --answers 2
holds out 'libtorch' 'oneDNN' 'load' 'toy' 'full' 'limit, %' 'FLOP/N' 'answers/s' 'OMP_WAIT_POLICY=PASSIVE'
is "$(grep -v '─' out | awk 'length($0) > 80' | wc -l)" -eq 0
is ! -e runs
# In float32 no rows are filled up.
expect 0 "$PEFTLAB" bench toy.json full.json last_layer.json prompt_tuning.json --steps 4 --answers 0 --json --quiet \
  --set '/model={"name": "model", "dtype": "f32"}'
python3 - <<'PY' || failed 'the JSON does not follow the law'
import json
rows = {row["name"]: row for row in json.load(open("out"))["rows"]}
assert rows["toy"]["flop_factor"] == rows["prompt_tuning"]["flop_factor"] == 4, rows
assert rows["full"]["flop_factor"] == 6 and 2 < rows["last_layer"]["flop_factor"] < 6, rows
# 20 virtual tokens, once a step; dropout keeps the toy's beginning from being shared.
assert rows["prompt_tuning"]["computed_rows_per_step"] - rows["full"]["computed_rows_per_step"] == 20, rows
assert rows["full"]["flop_per_step"] > 1.4 * rows["prompt_tuning"]["flop_per_step"] * rows["full"]["computed_rows_per_step"] / rows["prompt_tuning"]["computed_rows_per_step"], rows
for row in rows.values():
    s = row["step_seconds"]
    assert 0 < s["min"] <= s["median"] <= s["max"] and row["limit_flop_per_second"]["min"] > 0 and row["num_answers"] == 0, row
PY

expect 2 "$PEFTLAB" bench toy.json --steps 7
holds err 'has 8 steps' '4 of warm-up and 7'
expect 2 "$PEFTLAB" bench absent.json also_absent.json
holds err 'absent.json' 'also_absent.json'
expect 2 "$PEFTLAB" bench toy.json --steps 0
