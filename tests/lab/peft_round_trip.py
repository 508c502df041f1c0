"""Loads adapters with PEFT, says what their model answers, and saves them again.

usage: peft_round_trip.py MODEL FOLDER...; each FOLDER holds adapter/ and input.safetensors (input_ids) and receives
output.safetensors (logits) and again/ (what PEFT saves). Prints one JSON line a folder: its missing and unexpected keys.
"""
import json, sys

import torch
from peft import PeftConfig, PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

for folder in sys.argv[2:]:
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(model, folder + "/adapter")
    keys = model.load_adapter(folder + "/adapter", adapter_name="default")
    # The base model's own tensors are not in an adapter: only what belongs to the adapter may not be missing.
    own = set(model.state_dict()) - {"base_model.model." + k for k in AutoModelForCausalLM.from_pretrained(sys.argv[1]).state_dict()}
    missing = [k for k in keys.missing_keys if k in own and "base_layer" not in k and "original_module" not in k]
    # Prompts go into their embedding by another way: PEFT names them as unexpected and loads them.
    prompts = {"prompt_embeddings"} if model.peft_config["default"].is_prompt_learning else set()
    unexpected = [k for k in keys.unexpected_keys if k not in prompts]
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=load_file(folder + "/input.safetensors")["input_ids"]).logits
    save_file({"logits": logits.contiguous()}, folder + "/output.safetensors")
    model.save_pretrained(folder + "/again")
    print(json.dumps({"missing": missing, "unexpected": unexpected}), flush=True)
