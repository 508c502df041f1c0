# An adapter knows the base model that it was trained on: whatever reads it onto another refuses, unless that is allowed.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
expect 0 "$PEFTLAB" run toy.json --out whole --quiet

# The same shapes, one value apart.
cp -r model other
python3 - other/model.safetensors in.safetensors <<'PY'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size = struct.unpack_from("<Q", data)[0]
norm = json.loads(data[8 : 8 + size])["model.norm.weight"]
assert norm["dtype"] == "F32", norm
at = 8 + size + norm["data_offsets"][0]
struct.pack_into("<f", data, at, struct.unpack_from("<f", data, at)[0] + 1)
open(sys.argv[1], "wb").write(data)
header = json.dumps({"input_ids": {"dtype": "I64", "shape": [1, 3], "data_offsets": [0, 24]}}).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(header)) + header + struct.pack("<3q", 5, 9, 70))
PY
hash_of() { printf '%s%s' $(sha256sum "$1/config.json" "$1/model.safetensors" | cut -d ' ' -f 1) | sha256sum | cut -d ' ' -f 1; }
model=$(hash_of model) other=$(hash_of other)
is "$model" != "$other"
holds whole/run.json "$model"
holds whole/adapter/manifest.json '"base_model"' "$model"
# What PEFT reads says no more than PEFT would.
lacks whole/adapter/adapter_config.json "$model"

refuses() {
  expect 2 "$PEFTLAB" "$@"
  holds err "has the hash ${other::12}, expected the one that the adapter was trained on" "of hash ${model::12}" 'the same weights in another form'
}
answer=(--max-new-tokens 2)
refuses forward other --input in.safetensors --output out.safetensors --adapter whole/adapter
holds err 'whole/adapter: the base model ' 'add --other-base'
refuses merge other --adapter whole/adapter merged
refuses generate other --adapter whole/adapter --prompt 'the dog' "${answer[@]}"
refuses chat other --adapter whole/adapter "${answer[@]}"
refuses export --gguf-adapter whole whole.gguf --model other
is ! -e out.safetensors -a ! -e merged -a ! -e whole.gguf
expect 0 "$PEFTLAB" forward other --input in.safetensors --output out.safetensors --adapter whole/adapter --other-base
expect 0 "$PEFTLAB" merge other --adapter whole/adapter merged --other-base
expect 0 "$PEFTLAB" generate other --adapter whole/adapter --prompt 'the dog' "${answer[@]}" --other-base
expect 0 "$PEFTLAB" chat other --adapter whole/adapter "${answer[@]}" --other-base
expect 0 "$PEFTLAB" export --gguf-adapter whole whole.gguf --model other --other-base
expect 2 "$PEFTLAB" export --hf other x --other-base
holds err '--other-base goes with an adapter'

# An experiment that starts from an adapter.
sed 's/"model": "model"/"model": "other", "adapter": "whole\/adapter"/' toy.json >start.json
for how in '--out started' --dry-run; do
  refuses run start.json $how
  holds err 'start.json:1:' ': /adapter: ' 'set "other_base": true'
done
refuses compare start.json --seeds 1
is ! -e started -a ! -e runs
expect 0 "$PEFTLAB" run start.json --set /other_base=true --dry-run
expect 0 "$PEFTLAB" run start.json --set /other_base=true --out started --quiet
holds started/adapter/manifest.json "$other"

# A copy knows it too, and so does each adapter of several. PEFT's own and GGUF files say nothing and are taken.
expect 0 "$PEFTLAB" export --adapter whole copy
refuses merge other --adapter copy merged-copy
expect 0 "$PEFTLAB" run toy.json --out two --quiet --set '/method=[{"name": "lora", "targets": ["q_proj"]}, {"name": "lora", "targets": ["v_proj"]}]'
refuses merge other --adapter two/adapter merged-two
expect 0 "$PEFTLAB" merge model --adapter two/adapter merged-two
expect 0 "$PEFTLAB" merge other --adapter "$PEFTLAB_ROOT/tests/golden/methods/lora" merged-peft
expect 0 "$PEFTLAB" merge other --adapter whole.gguf merged-gguf

# A run's own model that is no longer what it was.
expect 0 "$PEFTLAB" merge whole merged-whole
cp other/model.safetensors model/
refuses generate whole --prompt 'the dog' "${answer[@]}"
refuses merge whole merged-changed
