# A toy experiment in the working folder: a tiny model with a chat template, a task of 24 lines, eight steps.

make_toy() {
  mkdir -p model
  cp "$PEFTLAB_ROOT"/tests/golden/models/llama/{config.json,model.safetensors,tokenizer.json} model/
  cat >model/tokenizer_config.json <<'JSON'
{ "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
  "chat_template": "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}</s>{% else %} : {% endif %}{% endfor %}" }
JSON
  local i
  for i in $(seq 1 24); do
    printf '{"prompt": "the %s dog and the lazy %s road", "completion": "the %s"}\n' \
      "$(printf 'a%.0s' $(seq 1 "$i"))" "$(printf 'b%.0s' $(seq 1 $((i % 5 + 1))))" "$(printf 'a%.0s' $(seq 1 $((i % 4 + 1))))"
  done >data.jsonl
  cat >task.json <<'JSON'
{ "about": "a toy", "source": { "kind": "jsonl", "file": "data.jsonl" }, "split": { "seed": 0, "sizes": { "train": 12, "dev": 4, "test": 4 } },
  "conversation": { "kind": "prompt_completion" }, "answer": { "read": "text", "metric": "exact_match" } }
JSON
  cat >toy.json <<'JSON'
{ "about": "a toy", "model": "model", "task": "task.json", "method": { "name": "lora", "rank": 2, "dropout": 0.1, "targets": "all-linear" },
  "train": { "max_steps": 8, "batch_size": 3, "learning_rate": 1e-2, "save_every": { "steps": 2 }, "evaluate_every": { "steps": 4 } },
  "evaluate": { "max_new_tokens": 6, "free_prompts": ["the dog"], "forgetting": false } }
JSON
}
