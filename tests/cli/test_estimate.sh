# peftlab estimate on a toy of six layers: what is drawn from two depths is what a run records and what the whole depth holds.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
python3 - <<'PY'
import json, struct
config = json.load(open("model/config.json"))
depth, config["num_hidden_layers"] = config["num_hidden_layers"], 6
json.dump(config, open("model/config.json", "w"))
data = open("model/model.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + size]), data[8 + size:]
for name, tensor in list(header.items()):
    if not name.startswith("model.layers."):
        continue
    layer, rest = name[len("model.layers."):].split(".", 1)
    begin, end = tensor["data_offsets"]
    for copy in range(int(layer) + depth, 6, depth):
        header[f"model.layers.{copy}.{rest}"] = {**tensor, "data_offsets": [len(body), len(body) + end - begin]}
        body += body[begin:end]
text = json.dumps(header).encode()
open("model/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body)
PY

expect 0 "$PEFTLAB" estimate toy.json
holds out 'toy, seed 0' '3 *' 'Estimated from 2 and 4 of 6 layers.' 'every row fits'
is "$(grep -v '─' out | awk 'length($0) > 80' | wc -l)" -eq 0
is ! -e runs
expect 0 "$PEFTLAB" estimate toy.json --batch-sizes 1,3,6 --json --quiet
is ! -s err
mv out drawn.json
# The pattern fills the same matrices, and says so by their layers.
expect 0 "$PEFTLAB" estimate toy.json --batch-sizes 1,3,6 --json --quiet \
  --set '/method/targets="model\\.layers\\.[0-5]\\..*_proj"'
mv out whole.json
expect 0 "$PEFTLAB" estimate toy.json --batch-sizes 3 --json --quiet --set '/method/layers=[0, 5]'
mv out two.json
expect 0 "$PEFTLAB" run toy.json --json --quiet --set /evaluate/base=false
python3 - <<'PY' || failed 'the estimates do not agree'
import json
record, drawn, whole, two = [json.load(open(name)) for name in ("out", "drawn.json", "whole.json", "two.json")]
assert drawn["tried_layers"] == [2, 4] and whole["tried_layers"] == two["tried_layers"] == [6]
seen = record["results"]["training_memory_bytes"]
exact = ("base_model", "trained", "gradients", "optimizer")
activations = []
for row, other in zip(drawn["rows"], whole["rows"]):
    parts, all_parts = row["training_memory_bytes"], other["training_memory_bytes"]
    assert {k: parts[k] for k in exact} == {k: all_parts[k] for k in exact} == {k: seen[k] for k in exact}, (parts, all_parts, seen)
    assert abs(parts["activations"] - all_parts["activations"]) <= 0.02 * all_parts["activations"], (parts, all_parts)
    assert row["peak_bytes"] == sum(parts.values())
    activations.append(parts["activations"])
assert 0 < activations[0] < activations[1] < activations[2], activations
assert 3 * two["rows"][0]["training_memory_bytes"]["trained"] == seen["trained"]
PY

expect 2 "$PEFTLAB" estimate toy.json --batch-sizes 0
expect 2 "$PEFTLAB" estimate absent.json
holds err 'absent.json'
expect 2 "$PEFTLAB" estimate toy.json --set '/method/rank=0'
holds err 'rank' 'at least 1'
