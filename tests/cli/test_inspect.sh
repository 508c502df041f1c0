# peftlab inspect, methods, schema, completion and every verb's help.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods
model=$PEFTLAB_ROOT/tests/golden/models/llama
adapter=$PEFTLAB_ROOT/tests/golden/methods/lora

# Lines of text within 80 columns; paths stay whole.
narrow() {
  num_checks=$((num_checks + 1))
  local long
  long=$(grep -v / "$1" | awk 'length($0) > 80' | head -n 1)
  [ -z "$long" ] || failed "a line of $1 is longer than 80 columns: $long"
}

expect 0 "$PEFTLAB" inspect "$model"
holds out 'architecture' 'llama' '2, 32 wide, MLP 64' '4 of 8, 2 for keys and values' 'model.layers.*.self_attn.q_proj' '16 x 32' 'lm_head' \
  'q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj,' 'all-linear'
narrow out
expect 0 "$PEFTLAB" inspect --json "$model"
holds out '"architecture": "llama"' '"stored_type": "F32"' '"num_layers": 2'
python3 -c 'import json, sys; json.load(sys.stdin)' <out || failed 'inspect --json is no JSON'
expect 0 "$PEFTLAB" inspect "$PEFTLAB_ROOT/tests/golden/models/gpt2"
holds out 'gpt2' '128 tokens' 'transformer.h.*.attn.c_attn' '96 x 32' 'c_attn, c_proj, c_fc, or "all-linear"'
expect 0 "$PEFTLAB" inspect --json "$PEFTLAB_ROOT/tests/golden/models/gpt2"
holds out 'transformer.wpe.weight' 'transformer.h.*.ln_1.bias' '"num_parameters": 33664'
expect 0 "$PEFTLAB" inspect "$adapter"
holds out LORA 'read by' 'method lora' 'lora_A.weight' models/llama
expect 0 "$PEFTLAB" inspect --json "$adapter"
holds out '"peft_type": "LORA"' '"method": "lora"'
expect 2 "$PEFTLAB" inspect nowhere
holds err 'nowhere: no such model; expected a Hugging Face folder, a .gguf file, or a name listed in'
expect 2 "$PEFTLAB" inspect
holds err 'what is required'
expect 2 "$PEFTLAB" inspekt "$model"
holds err "'inspekt' is not a verb; did you mean 'inspect'?"
mkdir broken
cp "$model/config.json" broken/
head -c 1000 "$model/model.safetensors" >broken/model.safetensors
expect 2 "$PEFTLAB" inspect broken
holds err model.safetensors
mkdir run
echo '{"name": "a run", "status": "new", "model": {"name": "x"}}' >run/run.json
expect 0 "$PEFTLAB" inspect run
holds out 'a run' 'no adapter yet'
echo '[]' >run/run.json
expect 2 "$PEFTLAB" inspect run
holds err 'run.json: expected an object'

expect 0 "$PEFTLAB" methods
holds out lora matrices full parameters last_layer "$PEFTLAB_METHODS"
narrow out
expect 0 "$PEFTLAB" methods --json
holds out '"name": "lora"' '"refused": []' '"reads_peft": true'
expect 0 "$PEFTLAB" methods lora
holds out 'arxiv.org/abs/2106.09685' rank 'default 8' '1 to 65536' 'equal to the base model' 'none, lora_only, all'
narrow out
expect 0 "$PEFTLAB" methods lora --json
holds out '"key": "rank"' '"default": 8' '"range": "1 to 65536"'
expect 2 "$PEFTLAB" methods lorra
holds err lorra lora
mkdir own
echo 'not a library' >own/odd.so
PEFTLAB_METHODS=$PWD/own:$PEFTLAB_METHODS expect 0 "$PEFTLAB" methods
holds out 'refused:' odd.so

expect 0 "$PEFTLAB" schema experiment
holds out '"$schema"' '"learning_rate"'
expect 0 "$PEFTLAB" schema task
holds out '"$schema"' '"split"'
expect 2 "$PEFTLAB" schema model
holds err model experiment task
expect 2 "$PEFTLAB" schema

expect 0 "$PEFTLAB" completion bash
holds out 'complete -o default' --previews 'experiment task'
bash -n out || failed 'the completion for bash does not parse'
cat >try.sh <<'END'
source ./out
COMP_WORDS=(peftlab "$1" "$2") COMP_CWORD=$3
_peftlab
echo "${COMPREPLY[@]}"
END
is "$(bash try.sh inspe '' 1)" = inspect
is "$(bash try.sh data --prev 2)" = --previews
is "$(bash try.sh schema t 2)" = task
expect 0 "$PEFTLAB" completion zsh
holds out '#compdef peftlab' "'inspect:"
expect 0 "$PEFTLAB" completion fish
holds out 'complete -c peftlab' '-l previews -r'
expect 2 "$PEFTLAB" completion tcsh

# The help of the program and of every verb: an example, and 80 columns.
expect 0 "$PEFTLAB" --help
holds out 'Example:'
narrow out
verbs=$(awk '/^Subcommands:/ { on = 1; next } /^Example:/ { on = 0 } on && /^  [a-z]/ { print $1 }' out)
is "$(echo "$verbs" | wc -l)" -ge 13
for verb in $verbs; do
  expect 0 "$PEFTLAB" "$verb" --help
  holds out 'Example:' "peftlab $verb"
  num_checks=$((num_checks + 1))
  awk 'length($0) > 80 { exit 1 }' out || failed "the help of $verb is wider than 80 columns"
done
expect 2 "$PEFTLAB"
expect 2 "$PEFTLAB" inspekt
expect 2 "$PEFTLAB" inspect --jsn "$model"

# What is printed into a full disk is not told to be whole.
if [ -w /dev/full ]; then
  expect 1 bash -c '"$PEFTLAB" methods >/dev/full'
  holds err 'standard output could not be written to its end'
  expect 2 bash -c '"$PEFTLAB" no_such_verb >/dev/full'
fi
