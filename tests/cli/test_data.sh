# peftlab data.

model=$PEFTLAB_ROOT/tests/golden/models/llama
cat >rows.csv <<'END'
city,road
North,Hill Road
South,Mill Road
North,Hill Road
East,Long Lane
West,Short Lane
South,
Mid,Old Street
END
cat >task.json <<'END'
{"about": "a test", "source": {"kind": "csv", "file": "rows.csv"},
 "split": {"seed": 1, "sizes": {"train": 2, "dev": 1, "test": 2}},
 "conversation": {"messages": [{"role": "user", "content": "{road}"}, {"role": "assistant", "content": "{city}"}]},
 "answer": {"metric": "loss"}}
END
expect 0 "$PEFTLAB" data task.json --export splits --previews 1
holds out 'train' 'duplicate'
is "$(cat splits/train.jsonl | wc -l)" -eq 2
is "$(cat splits/test.jsonl | wc -l)" -eq 2
num_checks=$((num_checks + 1))
awk 'length($0) > 80 { exit 1 }' out || failed 'the report is wider than 80 columns'
lacks out "$(printf '\033')"
expect 0 "$PEFTLAB" data task.json --json
holds out '"num_read": 7' '"num_unique": 5' '"num_records": 2'
expect 0 "$PEFTLAB" data roads_csv --help
expect 2 "$PEFTLAB" data no_such_task
holds err 'no_such_task: no such task; expected a task file, or one of roads'
expect 2 "$PEFTLAB" data task.json --previews x
expect 2 "$PEFTLAB" data task.json --previews -1
expect 2 "$PEFTLAB" data task.json --train-on some
expect 2 "$PEFTLAB" data task.json --model nowhere
holds err 'nowhere: no such model'
expect 2 "$PEFTLAB" data task.json --model "$model"
holds err template
echo '{"about": "x", "sourc": {}}' >bad.json
expect 2 "$PEFTLAB" data bad.json
holds err bad.json:1: "did you mean 'source'"
