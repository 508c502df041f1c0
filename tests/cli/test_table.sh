# peftlab table: runs side by side, in every format, and what it refuses.

# run NAME SEED LETTERS [DATA]: a finished run whose items were right (1) or wrong (0) as the letters say.
run() {
  local folder=runs/$1/seed$2 right
  mkdir -p "$folder"
  right=$(printf %s "$3" | tr -d 0 | wc -c)
  python3 - "$folder" "$1" "$2" "$3" "$right" "${4:-d1}" <<'END'
import json, sys
folder, name, seed, letters, right, data = sys.argv[1:]
score = {"accuracy": int(right) / len(letters), "num_items": len(letters), "item_scores": letters}
json.dump({"peftlab": "0.1.0", "result_version": 1, "name": name, "seed": int(seed), "status": "finished", "started": "2026-01-01",
           "experiment": {"method": [{"name": name}], "evaluate": {"splits": ["test"], "max_new_tokens": 9}},
           "hashes": {"model": "m1", "data": data}, "methods": [{"name": name}], "num_trainable": 7,
           "results": {"tuned": {"test": score}, "training": {"seconds": 3.0, "useful_tokens_per_second": 5.0}}},
          open(folder + "/run.json", "w"))
END
}

good=1111111111111111111111111111111111111110
poor=1111111111000000000000000000000000000000
for seed in 0 1 2; do
  run alpha $seed $good
  run beta $seed $poor
done

expect 0 env COLUMNS=80 "$PEFTLAB" table runs --baseline beta
holds out 'score on test, 40 items; differences to beta' 'alpha' '97.50' '+72.50' '<0.001' 'best' '1 of 1 rows differ from beta'
[ -z "$(grep -v ─ out | awk 'length > 80')" ] || failed 'a line is longer than 80 columns'
expect 0 "$PEFTLAB" table runs --wide
holds out '95 %, pts' 'train, s'
expect 0 "$PEFTLAB" table runs --format markdown
holds out '| run |' '**97.50**'
expect 0 "$PEFTLAB" table runs --format latex
holds out '\toprule' '\textbf{97.50}'
expect 0 "$PEFTLAB" table runs --format csv
holds out 'label,method,num_seeds' 'alpha,alpha,3,40,0.975'
expect 0 "$PEFTLAB" table runs --format json
python3 -c 'import json, sys; assert len(json.load(sys.stdin)["rows"]) == 2' <out || failed 'table --format json is no table'

mkdir -p runs/gamma/seed0
echo '{"name": "gamma", ' >runs/gamma/seed0/run.json
expect 0 "$PEFTLAB" table runs
holds out 'gamma/seed0 has no result: cannot be read'
expect 0 "$PEFTLAB" table runs/alpha/seed0 runs/beta/seed0
holds out 'one seed each: no interval over seeds can be given'

run other 0 $good d2
expect 2 "$PEFTLAB" table runs
holds err 'not alike' 'data: d1 (alpha, beta), d2 (other)' '--by group'
expect 0 "$PEFTLAB" table runs --by group --format json
python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 2' <out || failed 'two groups are not two tables'

expect 2 "$PEFTLAB" table nowhere
holds err 'nowhere: no such file or folder'
mkdir empty
expect 2 "$PEFTLAB" table empty
holds err 'empty: no runs found'
expect 2 "$PEFTLAB" table runs/alpha --baseline alpah
holds err "did you mean 'alpha'?"
expect 2 "$PEFTLAB" table runs/alpha --format html
holds err 'html'
expect 2 "$PEFTLAB" table
holds err 'runs'
expect 0 "$PEFTLAB" table --help
holds out 'peftlab table runs --baseline'
