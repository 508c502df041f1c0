# peftlab export and merge.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods
model=$PEFTLAB_ROOT/tests/golden/models/llama
methods=$PEFTLAB_ROOT/tests/golden/methods

expect 0 "$PEFTLAB" export --hf "$model" new/hf --dtype bf16
holds out 'new/hf: ' 'as a Hugging Face folder, weights in bfloat16'
for file in config.json model.safetensors tokenizer.json tokenizer_config.json generation_config.json; do is -s new/hf/$file; done
expect 0 "$PEFTLAB" inspect new/hf
holds out BF16
expect 0 "$PEFTLAB" export --hf "$model/" hf32/
is -s hf32/model.safetensors
expect 0 "$PEFTLAB" export --hf "$PEFTLAB_ROOT/tests/golden/models/llama_tied" tied
holds out 'without a tokenizer'

expect 2 "$PEFTLAB" export --hf "$model" new/hf
holds err 'new/hf: exists already and is not written over'
expect 2 "$PEFTLAB" export "$model" x
holds err 'expected one of --hf, --adapter and --gguf-adapter'
expect 2 "$PEFTLAB" export --hf --adapter "$model" x
holds err 'expected one of --hf, --adapter and --gguf-adapter'
expect 2 "$PEFTLAB" export --hf "$model" x --dtype q4
holds err "dtype 'q4' is not known; expected auto, bf16, f16 or f32"
expect 2 "$PEFTLAB" export --hf nowhere x
holds err 'nowhere: no such model'
expect 2 "$PEFTLAB" export --hf "$model"
holds err 'folder is required'
is ! -e x

expect 0 "$PEFTLAB" export --adapter "$methods/lora" copies/lora
holds out 'adapter of type LORA'
expect 0 "$PEFTLAB" inspect copies/lora
mkdir -p run/adapter
cp -r "$methods/lora" run/adapter/0-lora
cp -r "$methods/lora_embedding" run/adapter/1-lora
echo "{\"model\": {\"name\": \"$model\"}}" >run/run.json
expect 0 "$PEFTLAB" export --adapter run both
is -s both/0-lora/adapter_model.safetensors
is -s both/1-lora/adapter_config.json
expect 2 "$PEFTLAB" export --adapter "$model" x
holds err 'no adapter here; expected a folder with adapter_config.json'
expect 2 "$PEFTLAB" export --adapter "$methods/lora" x --dtype bf16
holds err '--dtype goes with --hf'
is ! -e x

expect 0 "$PEFTLAB" export --gguf-adapter "$methods/lora" gguf --model "$model"
holds out 'gguf/adapter.gguf: 4 low-rank updates in float32' 'architecture llama, adapter.lora.alpha 16 (scale x rank)'
mkdir solo
cp -r "$methods/lora" solo/adapter
echo "{\"model\": {\"name\": \"$model\"}}" >solo/run.json
expect 0 "$PEFTLAB" export --gguf-adapter solo deep/er/run.gguf
holds out 'deep/er/run.gguf: 4 low-rank updates'
cmp gguf/adapter.gguf deep/er/run.gguf
expect 0 "$PEFTLAB" export --adapter gguf/adapter.gguf back
holds out 'back: adapter of type LORA'
cmp back/adapter_model.safetensors copies/lora/adapter_model.safetensors
expect 0 "$PEFTLAB" merge "$model" --adapter gguf/adapter.gguf merged-gguf
expect 0 "$PEFTLAB" merge "$model" --adapter "$methods/lora" merged-peft
cmp merged-gguf/model.safetensors merged-peft/model.safetensors
expect 2 "$PEFTLAB" export --gguf-adapter "$methods/lora" gguf --model "$model"
holds err 'gguf: exists already and is not written over'
expect 2 "$PEFTLAB" export --gguf-adapter "$methods/lora" gguf/adapter.gguf --model "$model"
holds err 'gguf/adapter.gguf: exists already and is not written over'
expect 2 "$PEFTLAB" export --gguf-adapter "$methods/dora" x --model "$model"
holds err "method 'dora': cannot be written as a GGUF adapter: it is more than a low-rank update"
expect 2 "$PEFTLAB" export --gguf-adapter "$methods/lora" x
holds err 'or give the base model with --model'
expect 2 "$PEFTLAB" export --gguf-adapter "$model" x --model "$model"
holds err 'no adapter here; expected a folder with adapter_config.json'
expect 2 "$PEFTLAB" export --hf "$model" x --model "$model"
holds err '--model goes with an adapter'
expect 2 "$PEFTLAB" inspect gguf/adapter.gguf
holds err 'gguf/adapter.gguf: an adapter, not a model; give it beside its model with --adapter'
is ! -e x

expect 0 "$PEFTLAB" merge "$model" --adapter "$methods/lora" merged
holds out 'merged: merged model, weights in float32' 'changed tensors: 4 of 21' 'largest change of a logit, merged against unmerged:'
expect 0 "$PEFTLAB" merge "$PEFTLAB_ROOT/tests/golden/models/gpt2" --adapter "$methods/lora_gpt2" merged-gpt2
holds out 'changed tensors: 2 of 28'
rm -r run/adapter/1-lora
expect 0 "$PEFTLAB" merge run merged-run
holds out 'changed tensors: 4 of 21'
expect 0 "$PEFTLAB" merge "$PEFTLAB_ROOT/tests/golden/models/llama_tied" --adapter "$methods/lora_tied_embedding" untied
holds out 'lm_head.weight was written'
expect 2 "$PEFTLAB" merge "$model" --adapter "$methods/lora_lora_bias" x
holds err "method 'lora': cannot be merged: it changes more than the weight of model.layers.0.self_attn.q_proj"
expect 2 "$PEFTLAB" merge "$model" x
holds err 'give --adapter DIR'
expect 2 "$PEFTLAB" merge "$model" --adapter nowhere x
holds err 'nowhere: no adapter here'
expect 2 "$PEFTLAB" merge "$model" --adapter "$methods/lora" merged
holds err 'merged: exists already and is not written over'
echo '{}' >run/run.json
expect 2 "$PEFTLAB" merge run x
holds err 'run.json does not say which model was tuned'
is ! -e x
mkdir closed
chmod a-w closed
if [ ! -w closed ]; then
  expect 1 "$PEFTLAB" export --hf "$model" closed/x
  holds err closed/x
fi
