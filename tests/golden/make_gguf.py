#!/usr/bin/env python3
"""Makes the GGUF fixtures of tests/golden/gguf (needs the packages gguf and numpy):

  python tests/golden/make_gguf.py

blocks.gguf    a tensor "T.blocks" of each format T: random bytes, with halves that are finite, among them subnormal,
               zero, negative and largest ones
expected.bin   the f32 values of gguf.quants.dequantize, tensor after tensor in the order of the file
metadata.gguf  a value of every kind, with nested arrays, and one small tensor
"""
import pathlib

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent / "gguf"
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
# Bytes at which a block holds halves.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
EDGES = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00, 0xBC00], dtype="<u2")
NUM_BLOCKS = 16


def finite_halves(rng, count):
    """Edge cases first, then random halves of every exponent but the topmost."""
    random = rng.integers(0, 0x7C00, count, dtype=np.uint16) | (rng.integers(0, 2, count, dtype=np.uint16) << 15)
    random[: len(EDGES)] = EDGES[:count]
    return random.astype("<u2")


def blocks_of(rng, name):
    if name == "F32":
        return rng.standard_normal(64).astype("<f4").view(np.uint8).reshape(2, -1)
    if name == "F16":
        return finite_halves(rng, 128).view(np.uint8).reshape(2, -1)
    if name == "BF16":
        random = rng.integers(0, 0x7F80, 64, dtype=np.uint16) | (rng.integers(0, 2, 64, dtype=np.uint16) << 15)
        return random.astype("<u2").view(np.uint8).reshape(2, -1)
    block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    blocks = rng.integers(0, 256, (NUM_BLOCKS, block_bytes), dtype=np.uint8)
    for at in HALVES[name]:
        blocks[:, at : at + 2] = rng.permutation(finite_halves(rng, NUM_BLOCKS)).view(np.uint8).reshape(NUM_BLOCKS, 2)
    return blocks.reshape(2, -1)


def write_blocks():
    rng = np.random.default_rng(20240607)
    writer = gguf.GGUFWriter(HERE / "blocks.gguf", "test")
    expected = []
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        data = blocks_of(rng, name)
        writer.add_tensor(f"{name}.blocks", data, raw_dtype=kind)
        values = gguf.quants.dequantize(data, kind)
        assert np.isfinite(values).all(), name
        expected.append(values.astype("<f4").ravel())
    write(writer)
    np.concatenate(expected).tofile(HERE / "expected.bin")


def write_metadata():
    writer = gguf.GGUFWriter(HERE / "metadata.gguf", "test")
    writer.add_uint8("m.uint8", 200)
    writer.add_int8("m.int8", -100)
    writer.add_uint16("m.uint16", 60000)
    writer.add_int16("m.int16", -30000)
    writer.add_uint32("m.uint32", 4000000000)
    writer.add_int32("m.int32", -2000000000)
    writer.add_uint64("m.uint64", 1 << 60)
    writer.add_int64("m.int64", -(1 << 60))
    writer.add_float32("m.float32", 0.25)
    writer.add_float64("m.float64", 0.1)
    writer.add_bool("m.bool", True)
    writer.add_string("m.string", "臺北市 🙂")
    writer.add_array("m.strings", ["a", "", "▁ü"])
    writer.add_array("m.ints", [3, -1, 7])
    writer.add_array("m.floats", [0.5, -2.0])
    writer.add_array("m.bools", [True, False])
    writer.add_array("m.nested", [[1, 2], [3, 4]])
    writer.add_tensor("t", np.arange(6, dtype=np.float32).reshape(2, 3))
    write(writer)


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


HERE.mkdir(exist_ok=True)
write_blocks()
write_metadata()
