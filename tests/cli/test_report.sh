# peftlab report: runs compared as one HTML file, and what it refuses.

# run NAME SEED RIGHT [DATA]: a finished run with so many of 40 items right.
run() {
  local folder=runs/$1/seed$2
  mkdir -p "$folder"
  python3 - "$folder" "$1" "$2" "$3" "${4:-d1}" <<'END'
import json, sys
folder, name, seed, right, data = sys.argv[1:]
scores = [1.0] * int(right) + [0.0] * (40 - int(right))
json.dump({"peftlab": "0.1.0", "result_version": 1, "name": name, "seed": int(seed), "status": "finished", "started": "2026-01-01",
           "experiment": {"method": [{"name": name}], "task": "roads.json", "evaluate": {"splits": ["test"], "max_new_tokens": 9}},
           "hashes": {"model": "m1", "data": data}, "methods": [{"name": name}], "num_trainable": 7,
           "results": {"tuned": {"test": {"accuracy": int(right) / 40, "num_items": 40}},
                       "training": {"seconds": 3.0, "useful_tokens_per_second": 5.0}}}, open(folder + "/run.json", "w"))
with open(folder + "/predictions.jsonl", "w") as lines:
    for item, score in enumerate(scores):
        print(json.dumps({"split": "test", "item": item, "row": item, "reference": "r", "text": "<b>t</b>", "score": score}), file=lines)
END
}

for seed in 0 1 2; do
  run alpha $seed 39
  run beta $seed 10
done

expect 0 "$PEFTLAB" report runs -o page.html --baseline beta
holds out 'page.html: 6 runs, '
holds page.html '<!DOCTYPE html>' '<strong>97.50</strong>' 'Difference to beta' '&lt;b&gt;t&lt;/b&gt;' 'Made by peftlab '
lacks page.html '<b>t</b>'
lacks page.html '<script'
lacks page.html 'src='
cp page.html first.html
expect 0 "$PEFTLAB" report runs -o page.html --baseline beta
cmp -s first.html page.html || failed 'the same runs made another page'
expect 0 "$PEFTLAB" report runs/alpha
[ -s report.html ] || failed 'report.html is not the default'

run other 0 39 d2
expect 0 "$PEFTLAB" report runs -o groups.html
holds out 'in 2 groups that cannot be compared'
holds groups.html 'Group 2 of 2' 'data: d1 (alpha, beta), d2 (other)'

expect 2 "$PEFTLAB" report nowhere
holds err 'nowhere: no such file or folder'
expect 2 "$PEFTLAB" report runs -o runs/alpha/seed0/run.json
holds err 'expected a file name that ends in .html'
python3 -c 'import json; json.load(open("runs/alpha/seed0/run.json"))' || failed 'a record was overwritten'
expect 2 "$PEFTLAB" report runs -o nowhere/page.html
holds err 'there is no folder nowhere; make it first'
expect 2 "$PEFTLAB" report runs/alpha -o page.html --baseline alpah
holds err "did you mean 'alpha'?"
expect 2 "$PEFTLAB" report runs/alpha -o page.html --split dev
holds err '--split dev: no run was evaluated on it'
expect 2 "$PEFTLAB" report
holds err 'runs'
expect 0 "$PEFTLAB" report --help
holds out 'peftlab report runs --baseline'
