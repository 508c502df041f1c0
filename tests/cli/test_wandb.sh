# scripts/wandb_import.py: what is handed to the client, seen by a stand-in for it, and by itself where it is installed.

import_script=$PEFTLAB_ROOT/scripts/wandb_import.py
python=${PEFTLAB_PEER_PYTHON:-python3}
for seed in 0 1; do
  mkdir -p "runs/lora/$seed"
  cat >"runs/lora/$seed/run.json" <<JSON
{ "peftlab": "0.1.0", "result_version": 1, "name": "roads", "about": "how far?", "seed": $seed, "status": "finished", "identity": "abc",
  "experiment": { "about": "how far?", "seed": $seed, "train": { "learning_rate": 0.001 } }, "num_trainable": 7,
  "methods": [ { "name": "lora", "options": { "rank": 8 } } ], "hashes": { "data": "d1" },
  "results": { "tuned": { "test": { "accuracy": 0.75, "num_items": 4 } },
               "forgetting": { "texts": [ { "kind": "all", "loss_change_nats": { "mean": 0.125 } } ] } } }
JSON
  printf '%s\n' '{"step": 1, "loss": 0.5, "skipped": false}' '{"step": 2, "loss": NaN, "dev_loss": 0.25}' '{"step": 3, "lo' >"runs/lora/$seed/metrics.jsonl"
done
mkdir -p runs/failed runs/broken
echo '{ "result_version": 1, "name": "f", "seed": 0, "status": "failed" }' >runs/failed/run.json
echo '{ "name": ' >runs/broken/run.json

mkdir stand_in
cat >stand_in/wandb.py <<'PY'
import json


class Run:
    def __init__(self, settings):
        self.summary = {}
        self.settings = settings
        self.steps = []

    def log(self, numbers, step):
        self.steps.append([step, numbers])

    def finish(self):
        with open("fed.jsonl", "a") as file:
            print(json.dumps({"settings": self.settings, "steps": self.steps, "summary": self.summary}), file=file)


def init(**settings):
    return Run(settings)
PY
expect 0 env PYTHONPATH="$PWD/stand_in" "$python" "$import_script" runs --project roads
holds out '2 of 4 runs fed to project roads, offline' "its status is 'failed'" 'cannot be read'
"$python" - <<'PY'
import json
fed = [json.loads(line) for line in open("fed.jsonl")]
assert len(fed) == 2
first, second = fed
s = first["settings"]
assert (s["project"], s["group"], s["name"], s["mode"]) == ("roads", "roads", "roads-0", "offline"), s
assert s["id"] != second["settings"]["id"] and s["group"] == second["settings"]["group"]
assert s["config"]["train/learning_rate"] == 0.001 and s["config"]["lora/rank"] == 8 and s["config"]["method"] == "lora", s
assert s["config"]["hashes/data"] == "d1" and s["config"]["num_trainable"] == 7, s
assert first["steps"] == [[1, {"loss": 0.5}], [2, {"dev_loss": 0.25}]], first["steps"]
assert first["summary"] == {"tuned/test/accuracy": 0.75, "tuned/test/num_items": 4, "forgetting/all/mean": 0.125}, first["summary"]
PY
rm fed.jsonl
expect 0 env PYTHONPATH="$PWD/stand_in" "$python" "$import_script" runs/lora/1
is "$(wc -l <fed.jsonl)" -eq 1

expect 1 env PYTHONPATH="$PWD/stand_in" "$python" "$import_script" runs/failed
holds out '0 of 1 runs fed'
expect 1 env PYTHONPATH="$PWD/stand_in" "$python" "$import_script" nowhere
holds err 'nowhere: no such file or folder'
mkdir empty
expect 1 env PYTHONPATH="$PWD/stand_in" "$python" "$import_script" empty
holds err 'no runs found'
mkdir absent
echo 'raise ImportError("absent")' >absent/wandb.py
expect 1 env PYTHONPATH="$PWD/absent" "$python" "$import_script" runs
holds err 'the Python package wandb is not installed; install it with: pip install wandb'

if "$python" -c 'import wandb' 2>/dev/null; then
  expect 0 env WANDB_SILENT=true "$python" "$import_script" runs --project roads --dir "$PWD"
  is "$(ls -d wandb/offline-run-* | wc -l)" -eq 2
else
  echo 'no package wandb: the client itself was not tried'
fi
