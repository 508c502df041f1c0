# peftlab run on a toy: the record, running twice, being killed, being interrupted, wrong input.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
digest() { sha256sum "$1/adapter/adapter_model.safetensors" | cut -d ' ' -f 1; }

expect 0 "$PEFTLAB" run toy.json --dry-run
holds out 'toy, seed 0' '8 steps of 3 examples' 'nothing was started'
expect 0 "$PEFTLAB" run toy.json --dry-run --set '/model={"name": "model", "quantize": "nf4"}'
holds out '  quantise nf4, scales quantised too, blocks of 64, while the model is loaded'
is ! -e runs

expect 0 "$PEFTLAB" run toy.json --out whole
holds out 'toy, seed 0: finished' 'accuracy on test' 'trainable parameters' 'peak memory' 'peftlab chat'
is -f whole/adapter/adapter_config.json -a -f whole/predictions.jsonl -a -f whole/metrics.jsonl
is -n "$(ls whole/events.out.tfevents.*)"
python3 - whole <<'PY'
import json, sys
record = json.load(open(sys.argv[1] + "/run.json"))
assert record["status"] == "finished" and record["results"]["training"]["num_steps"] == 8, record
steps = [json.loads(line)["step"] for line in open(sys.argv[1] + "/metrics.jsonl") if '"loss"' in line]
assert steps == list(range(1, 9)), steps
assert len(open(sys.argv[1] + "/predictions.jsonl").readlines()) == 4
# The peak of training and what it is made of: an f32 number of LoRA has a gradient and two moments.
parts, trained = record["results"]["training_memory_bytes"], 4 * record["num_trainable"]
assert sum(parts.values()) == record["results"]["peak_memory_bytes"]["training"], parts
assert parts["trained"] == parts["gradients"] == trained and 0 <= parts["optimizer"] - 2 * trained < 1024, parts
assert parts["base_model"] == record["model"]["frozen_bytes"] and parts["activations"] > 0, parts
PY

# An adapter to start from is a folder or a GGUF file.
expect 0 "$PEFTLAB" export --gguf-adapter whole start.gguf
expect 0 "$PEFTLAB" run toy.json --out from-folder --set /adapter=whole/adapter
expect 0 "$PEFTLAB" run toy.json --out from-file --set /adapter=start.gguf
is "$(digest from-folder)" = "$(digest from-file)" -a "$(digest whole)" != "$(digest from-file)"
expect 2 "$PEFTLAB" run toy.json --set /adapter=absent.gguf
holds err '/adapter: there is no folder or GGUF file'

# What has no room behind virtual tokens is told before the base model answers.
expect 2 "$PEFTLAB" run toy.json --out crowded --set '/method={"name": "prompt_tuning", "num_virtual_tokens": 110}'
holds err 'with 110 virtual tokens before them the model has positions for 18'
lacks err 'base model on'

# So is, with its place, a plan that a method refuses.
for plan in '"tinit": 7, "tfinal": 1' '"total_steps": 9'; do
  sed "s/\"method\": {[^}]*}/\"method\": { \"name\": \"adalora\", \"init_rank\": 3, \"target_rank\": 2, $plan }/" toy.json >plan.json
  expect 2 "$PEFTLAB" run plan.json --out planless
  holds err 'plan.json:1:' ': /method' "the run" 'optimizer steps' "(method 'adalora' of"
  lacks err 'base model on'
  lacks err "base model's answers"
  rm -r planless
done
whole=$(digest whole)

expect 0 "$PEFTLAB" run toy.json --out whole --json
holds err 'this run is finished'
python3 -c 'import json, sys; json.load(sys.stdin)' <out || failed '--json prints no JSON'
expect 2 "$PEFTLAB" run toy.json --out whole --seed 1
holds err 'holds another run'
expect 0 "$PEFTLAB" run toy.json --out again --quiet
is "$(digest again)" = "$whole"
is ! -s err

# Killed at ten moments, the saving of checkpoints included, the same command ends with the same bits.
for moment in 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0; do
  timeout -s KILL "$moment" "$PEFTLAB" run toy.json --out killed >/dev/null 2>&1 || true
done
expect 0 "$PEFTLAB" run toy.json --out killed
is "$(digest killed)" = "$whole"
for moment in 0.15 0.35 0.55 0.75; do
  rm -rf other
  timeout -s KILL "$moment" "$PEFTLAB" run toy.json --out other >/dev/null 2>&1 || true
  expect 0 "$PEFTLAB" run toy.json --out other
  is "$(digest other)" = "$whole"
done

# SIGTERM in a longer run: checkpoint, status 75, the command that goes on.
status=0
timeout --preserve-status -s TERM 3 "$PEFTLAB" run toy.json --set /train/max_steps=200000 --out long >out 2>err || status=$?
is "$status" -eq 75
holds err 'interrupted' 'the same command goes on' '--set /train/max_steps=200000'
is -n "$(ls long/checkpoints)"
holds long/run.json '"status": "interrupted"'

# One folder, one process. A folder that cannot be written, and a disk that is full.
"$PEFTLAB" run toy.json --set /train/max_steps=200000 --out busy >/dev/null 2>&1 &
busy=$!
for i in $(seq 100); do [ -e busy/run.json ] && break || sleep 0.1; done
expect 2 "$PEFTLAB" run toy.json --set /train/max_steps=200000 --out busy
holds err "$busy"
kill -KILL "$busy"
wait "$busy" 2>/dev/null || true
expect 1 "$PEFTLAB" run toy.json --out /proc/nowhere
holds err '/proc/nowhere: cannot make'
mkdir small
if mount -t tmpfs -o size=160k none small 2>/dev/null; then
  expect 1 "$PEFTLAB" run toy.json --set /train/save_every/steps=1 --set /train/keep_last=8 --out small/run
  holds err 'small/run' free
  [ ! -d small/run/checkpoints ] || for folder in small/run/checkpoints/*/; do is -f "$folder/manifest.json"; done
  umount small
fi

# Mistakes: all of a file at once, with places; nothing half-written.
sed 's/"rank"/"rnak"/; s/"max_steps": 8/"max_steps": "8"/' toy.json >wrong.json
expect 2 "$PEFTLAB" run wrong.json --out wrong
holds err 'wrong.json:' '/train/max_steps: expected an integer' "/method/rnak: unknown key; did you mean 'rank'?"
sed 's/"rank"/"rnak"/' toy.json >wrong.json
expect 2 "$PEFTLAB" run wrong.json --out wrong
holds err "rnak" "'rank'"
sed 's/"all-linear"/["q_porj"]/' toy.json >wrong.json
expect 2 "$PEFTLAB" run wrong.json --out wrong
holds err 'wrong.json:1:' "/method/targets: 'q_porj' matches no module; did you mean 'q_proj'?"
expect 2 "$PEFTLAB" run missing.json
holds err missing.json
expect 2 "$PEFTLAB" run toy.json --set /model/name=nowhere
holds err nowhere
printf '{ "about": ' >broken.json
expect 2 "$PEFTLAB" run broken.json
holds err 'broken.json:1:'
head -c 20000 model/model.safetensors >cut && mv cut model/model.safetensors
expect 2 "$PEFTLAB" run toy.json --out cut
holds err model.safetensors
