"""Makes the cases of methods/ that PEFT computes in ways of its own: matrices kept as (in, out) and named as parameters,
a table whose rows the model scales, targeted or trained whole beside a head that is tied to it, a head that is a
target of a method without tables, and modules trained whole that are named by how their names end.

usage: make_methods.py [CASE...], with torch, transformers, peft and safetensors. Each case holds the adapter as PEFT
saves it, io.safetensors (inputs, logits, loss, gradients, greedy continuations of each prompt alone, merged weights) and
meta.json.
"""
import json
import pathlib
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
NEW_TOKENS = 12
# name: base, case whose inputs are taken, options
CASES = {
    "lora_gpt2_parameters": ("gpt2", "lora_gpt2", dict(
        r=4, lora_alpha=8, target_modules=[], target_parameters=["attn.c_attn.weight", "mlp.c_proj.weight"])),
    "lora_gemma_embedding": ("gemma", "prompt_tuning_gemma", dict(
        r=4, lora_alpha=8, target_modules=["embed_tokens", "q_proj"])),
    "lora_gemma_whole_table": ("gemma", "prompt_tuning_gemma", dict(
        r=4, lora_alpha=8, target_modules=["q_proj"], modules_to_save=["embed_tokens"])),
    "vera_head": ("llama", "lora", dict(kind=peft.VeraConfig, r=4, target_modules=["q_proj", "lm_head"])),
    "lora_whole_norms": ("llama", "lora", dict(r=4, lora_alpha=8, target_modules=["q_proj"], modules_to_save=["norm"])),
}


def greedy(model, prompt):
    margin = float("inf")
    for _ in range(NEW_TOKENS):
        best = model(input_ids=prompt).logits[0, -1].topk(2)
        margin = min(margin, (best.values[0] - best.values[1]).item())
        prompt = torch.cat([prompt, best.indices[:1][None]], 1)
    return prompt, margin


def trained_name(parameter):
    return parameter.replace(".default", "")


def saved_name(parameter):
    return trained_name(parameter).replace(".modules_to_save", "")


def continued(model, io):
    """Each prompt alone, put behind its padded row; and by how much the chosen tokens led."""
    rows, margins = [], []
    with torch.no_grad():
        for ids, mask in zip(io["gen.input_ids"], io["gen.attention_mask"]):
            whole, margin = greedy(model, ids[mask.bool()][None])
            rows.append(torch.cat([ids, whole[0, -NEW_TOKENS:]]))
            margins.append(margin)
    return torch.stack(rows), min(margins)


def make(name, base, inputs, options):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        HERE / "models" / base, dtype=torch.float32, attn_implementation="eager")
    kind = options.pop("kind", peft.LoraConfig)
    model = peft.get_peft_model(model, kind(task_type="CAUSAL_LM", **options)).eval()
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    known = load_file(HERE / "methods" / inputs / "io.safetensors")
    io = {k: known[k] for k in ("input_ids", "attention_mask", "labels", "gen.input_ids", "gen.attention_mask")}
    margin, seed = 0.0, 5
    while margin < 2e-3:  # no continuation may hang on a rounding
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in trained.values():
                parameter.normal_(0.0, 0.1)
        io["gen.greedy"], margin = continued(model, io)
        seed += 1
    out = model(input_ids=io["input_ids"], attention_mask=io["attention_mask"], labels=io["labels"])
    out.loss.backward()
    io["logits"], io["loss"] = out.logits.detach(), out.loss.detach()
    for n, p in trained.items():
        io["grad." + trained_name(n)] = p.grad.contiguous()
    folder = HERE / "methods" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "models/" + base
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    saved = load_file(folder / "adapter_model.safetensors")
    merged = model.merge_and_unload()
    first = next(n for n in merged.state_dict() if n.endswith(("c_attn.weight", "q_proj.weight")))
    for n in (first, "model.embed_tokens.weight") if "embed_tokens" in str(options) else (first,):
        io["merged." + n] = merged.state_dict()[n].contiguous().clone()
    save_file({k: v.contiguous() for k, v in io.items()}, folder / "io.safetensors")
    meta = {
        "base": "models/" + base,
        "generation": {"max_new_tokens": NEW_TOKENS, "min_margin": round(margin, 5)},
        "trainable": [{"name": trained_name(n), "adapter_key": saved_name(n) if saved_name(n) in saved else None,
                       "shape": list(p.shape)} for n, p in trained.items()],
        "trainable_parameters": sum(p.numel() for p in trained.values()),
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, peft)},
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")


for case in sys.argv[1:] or CASES:
    make(case, *CASES[case])
