# peftlab quantize, runs on quantised bases, and what is made of them.

. "$PEFTLAB_ROOT/tests/cli/toy.sh"
export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods
model=$PEFTLAB_ROOT/tests/golden/models/llama
make_toy

expect 0 "$PEFTLAB" quantize model q4
holds out 'q4: model with 14 matrices in nf4, scales quantised too, blocks of 64' 'bits a parameter' 'root mean square error: 0.'
for file in config.json model.safetensors tokenizer.json tokenizer_config.json; do is -s q4/$file; done
holds q4/config.json '"load_in_4bit": true' '"bnb_4bit_quant_type": "nf4"' '"bnb_4bit_use_double_quant": true'
expect 0 "$PEFTLAB" inspect q4
holds out 'stored as         NF4' '14 matrices: nf4, scales quantised too, blocks of 64' 'bits a parameter'
expect 0 "$PEFTLAB" inspect q4 --json
holds out '"bits_per_parameter"' '"type": "nf4"'
expect 0 "$PEFTLAB" quantize model fp4 --type fp4 --single --block-size 128 --rules cpu --dtype bf16
holds out 'in fp4, plain scales, blocks of 128' 'in bfloat16'
holds fp4/config.json '"bnb_4bit_use_double_quant": false' '"bnb_4bit_compute_dtype": "bfloat16"'
expect 0 "$PEFTLAB" export --hf q4 dense
expect 0 "$PEFTLAB" inspect dense
holds out BF16
lacks out 'bits a parameter'

expect 2 "$PEFTLAB" quantize q4 again
holds err 'q4: the model is kept as NF4 already, and quantising it again would only add error'
expect 2 "$PEFTLAB" quantize model q4
holds err 'q4: exists already and is not written over'
expect 2 "$PEFTLAB" quantize model x --block-size 48
holds err 'block_size: expected a power of two from 32 to 4096, got 48'
expect 2 "$PEFTLAB" quantize model x --double --single
holds err 'expected either --double or --single'
expect 2 "$PEFTLAB" quantize model x --type int4
holds err 'int4'
expect 2 "$PEFTLAB" quantize nowhere x
holds err 'nowhere: no such model'
is ! -e x

# A method that quantises its base: record, table, chat's base, merging.
sed 's/"name": "lora", "rank": 2/"name": "qlora", "rank": 2/' toy.json >qlora.json
expect 0 "$PEFTLAB" run qlora.json --out run-q --quiet
holds out 'base model' 'its matrices' 'nf4, ' 'bits a parameter' 'quantisation error' 'standard deviations of a matrix'
holds run-q/run.json '"bits_per_parameter"' '"relative_error"' '"frozen_bytes"'
expect 0 "$PEFTLAB" merge run-q merged-q
holds out 'merged-q: merged model, weights in float32' "the base model's matrices are those of its quantised form (nf4" 'largest change of a logit'
expect 0 "$PEFTLAB" inspect merged-q
holds out F32

# Any other method on a base that is quantised when it is read, or was.
expect 0 "$PEFTLAB" run toy.json --set /model/quantize=fp4 --out run-f --quiet
holds run-f/run.json '"type": "fp4"'
expect 0 "$PEFTLAB" merge run-f merged-f
holds out 'quantised form (fp4'
expect 0 "$PEFTLAB" run toy.json --set /model=q4 --out run-p --quiet
holds run-p/run.json '"type": "nf4"'
expect 0 "$PEFTLAB" merge run-p merged-p
holds out 'quantised form (nf4'

expect 2 "$PEFTLAB" run qlora.json --set /model=q4 --out x --quiet
holds err 'is kept as nf4 already, and quantising it again would only add error'
expect 2 "$PEFTLAB" run qlora.json --set /model/quantize=nf4 --out x2 --quiet
holds err 'is kept as nf4 already, and quantising it again would only add error'
expect 2 "$PEFTLAB" run toy.json --set /model=q4 --set /model/quantize=nf4 --out x3 --quiet
holds err 'the model is kept as NF4 already'
expect 2 "$PEFTLAB" run toy.json --set /method=full --set /model/quantize=nf4 --out x4 --quiet
holds err "is kept quantised, and a trained copy of it would not be" "method 'full'"
expect 2 "$PEFTLAB" run toy.json --set '/model/quantize={"type": "int4", "block_size": 48, "blocks": 1}' --out x5 --quiet
holds err '/model/quantize/type: expected one of' '/model/quantize/block_size: is 48, expected a power of two' '/model/quantize/blocks: unknown key'

if [ -z "${PEFTLAB_PEER_PYTHON:-}" ] || ! "$PEFTLAB_PEER_PYTHON" -c 'import transformers, bitsandbytes, torch' 2>/dev/null; then
  echo "not compared with bitsandbytes: PEFTLAB_PEER_PYTHON names no Python with transformers and bitsandbytes"
  return 0 2>/dev/null || exit 0
fi
cat >compare.py <<'PYTHON'
import sys, torch, bitsandbytes as bnb
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
if sys.argv[1] == "ask":
    save_file({"input_ids": torch.tensor([[1, 5, 9, 70, 3, 64, 2, 17]])}, "in.safetensors")
    sys.exit()
model = AutoModelForCausalLM.from_pretrained(sys.argv[2], dtype=torch.float32, attn_implementation="eager", device_map="cpu").eval()
layers = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
assert len(layers) == 14, len(layers)
for layer in layers:
    layer.support_avx512bf16_for_cpu = False
with torch.no_grad():
    theirs = model(load_file("in.safetensors")["input_ids"]).logits
apart = (theirs - load_file(sys.argv[3])["logits"]).abs().max().item()
assert apart < 1e-4, apart
print("apart by", apart)
PYTHON
expect 0 "$PEFTLAB_PEER_PYTHON" compare.py ask
# Rows of whole blocks: bitsandbytes' CPU kernel begins a block at every row.
float=$PEFTLAB_ROOT/tests/golden/nf4/llama_float
expect 0 "$PEFTLAB" quantize "$float" peer-nf4
expect 0 "$PEFTLAB" quantize "$float" peer-fp4 --type fp4 --single
expect 0 "$PEFTLAB" quantize "$float" peer-32 --block-size 32 --rules cpu
for one in peer-nf4 peer-fp4 peer-32; do
  expect 0 "$PEFTLAB" forward $one --input in.safetensors --output $one.safetensors --dtype f32
  expect 0 "$PEFTLAB_PEER_PYTHON" compare.py check $one $one.safetensors
done
