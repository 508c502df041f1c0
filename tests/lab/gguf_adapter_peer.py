"""Compares a GGUF adapter, read by llama.cpp's package, with the PEFT folder of the same adapter.

usage: gguf_adapter_peer.py FILE.gguf FOLDER HEADS KV_HEADS; exits 0 and says how many updates are equal.
"""
import sys

import numpy
from gguf import GGUFReader
from safetensors.numpy import load_file

MODULES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
           "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
           "ffn_down": "mlp.down_proj"}

reader = GGUFReader(sys.argv[1])
text = lambda key: reader.fields[key].contents()
assert (text("general.type"), text("adapter.type")) == ("adapter", "lora"), "metadata"
assert text("adapter.lora.alpha") == 8.0, "alpha"
heads = {"attn_q": int(sys.argv[3]), "attn_k": int(sys.argv[4])} if text("general.architecture") == "llama" else {}
tensors = {t.name: t.data for t in reader.tensors}
ours = load_file(sys.argv[2] + "/adapter_model.safetensors")
count = 0
for name, a in tensors.items():
    if not name.endswith(".lora_a"):
        continue
    _, layer, part = name.split(".")[:3]
    module = f"base_model.model.model.layers.{layer}.{MODULES[part]}"
    A, B = ours[module + ".lora_A.weight"], ours[module + ".lora_B.weight"]
    change = B @ A  # (out, in), in the order of Hugging Face
    if part in heads:  # what convert_hf_to_gguf does with the rows of a Llama's queries and keys
        n = heads[part]
        change = change.reshape(n, 2, change.shape[0] // n // 2, -1).swapaxes(1, 2).reshape(change.shape)
    theirs = tensors[name[:-1] + "b"] @ a
    assert numpy.allclose(theirs, change, rtol=1e-5, atol=1e-6), name
    count += 1
assert 2 * count == len(tensors), "tensors without a partner"
print(f"{count} updates")
