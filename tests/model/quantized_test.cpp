// Models kept in four bits: checkpoints as transformers and bitsandbytes write them, models quantised here, and broken
// ones.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <random>

#include "core/io/files.h"
#include "core/model/decoder.h"
#include "core/model/export/export.h"
#include "core/model/export/export_quantized.h"
#include "core/plugin/decoder_points.h"
#include "tests/io/mutation.h"
#include "tests/support/scratch.h"
#include "tests/support/golden.h"
#include "tests/support/tolerance.h"

namespace peftlab::model {
namespace {

namespace fs = std::filesystem;
using kernels::QuantizedStorage;
using test::golden;
using test::message_of;
using test::Scratch;
using testing::HasSubstr;

constexpr const char* kState = "model.layers.0.self_attn.q_proj.weight";

const QuantizedStorage& storage_of(const LinearSlot& slot) {
  const auto* storage = dynamic_cast<const QuantizedStorage*>(slot.base.storage().get());
  TORCH_CHECK(storage != nullptr, slot.base.name(), " is not quantised");
  return *storage;
}

class GoldenQuantized : public testing::TestWithParam<const char*> {
 protected:
  std::string folder() const { return std::string("nf4/") + GetParam(); }
  bool is_double() const { return folder().ends_with("double"); }
};

TEST_P(GoldenQuantized, LogitsLossAndContinuationEqualBitsandbytes) {
  const torch::NoGradGuard no_grad;
  const Decoder decoder(*open_weights(golden(folder())), torch::kFloat32, torch::kCPU);
  const auto io = test::golden_tensors(folder() + "/io.safetensors");
  const auto rows = test::sequences(io.at("input_ids"), io.at("attention_mask"), io.at("labels"));
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto logits = decoder.logits(decoder.hidden(make_batch({rows[row]}, false)));
    EXPECT_LT(test::difference(logits, io.at("logits")[static_cast<int64_t>(row)].narrow(0, 0, logits.size(0))), 1e-4);
  }
  const auto batch = make_batch(rows, false);
  const auto loss = (decoder.label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels);
  EXPECT_NEAR(loss.item<double>(), io.at("loss").item<double>(), 1e-5);
  const auto prompts = test::sequences(io.at("gen.input_ids"), io.at("gen.attention_mask"));
  const int64_t width = io.at("gen.input_ids").size(1), count = io.at("gen.greedy").size(1) - width;
  for (size_t row = 0; row < prompts.size(); ++row) {
    auto ids = prompts[row].ids;
    for (int64_t i = 0; i < count; ++i) {
      const auto hidden = decoder.hidden(make_batch({unlabelled(ids)}, false));
      ids.push_back(decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1)).argmax(-1).item<int64_t>());
    }
    const auto tail = torch::tensor(std::vector<int64_t>(ids.end() - count, ids.end()));
    EXPECT_TRUE(torch::equal(tail, io.at("gen.greedy")[static_cast<int64_t>(row)].narrow(0, width, count))) << row;
  }
}

TEST_P(GoldenQuantized, MatricesAreDecodedToTheBit) {
  const auto source = open_weights(golden(folder()));
  EXPECT_EQ(source->stored_type(), "NF4");
  int compared = 0;
  for (const auto& [name, expected] : test::golden_tensors(folder() + "/io.safetensors")) {
    if (!name.starts_with("dequantized.")) continue;
    EXPECT_TRUE(torch::equal(source->read(name.substr(12), torch::kFloat32), expected)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

TEST_P(GoldenQuantized, QuantisingTheSameModelGivesTheSameBytes) {
  Quantization quantization;
  quantization.options.double_quantization = is_double();
  quantization.options.cpu_rules = true;
  const Weights made(*open_weights(golden("nf4/llama_float")), torch::kFloat32, torch::kCPU, {quantization, false});
  const Weights read(*open_weights(golden(folder())), torch::kFloat32, torch::kCPU);
  int compared = 0, adjacent = 0;
  for (size_t i = 0; i < read.linears().size(); ++i) {
    const auto& slot = read.linears()[i];
    if (slot.base.layer() < 0) {
      EXPECT_EQ(made.linears()[i].base.storage()->kind(), "float32");
      continue;
    }
    const auto &ours = storage_of(made.linears()[i]).tensors(), &theirs = storage_of(slot).tensors();
    EXPECT_TRUE(torch::equal(ours.packed, theirs.packed)) << slot.base.name();
    EXPECT_EQ(ours.offset, theirs.offset);
    const auto apart = (ours.absmax.to(torch::kFloat64) - theirs.absmax.to(torch::kFloat64)).abs();
    EXPECT_LE(apart.max().item<double>(),
              is_double() ? 1.0 : 0.0);  // the neighbour where bitsandbytes' look-up table decides
    adjacent += apart.count_nonzero().item<int>();
    if (is_double()) {
      EXPECT_TRUE(torch::equal(ours.absmax2, theirs.absmax2) && torch::equal(ours.map, theirs.map));
    }
    ++compared;
  }
  EXPECT_EQ(compared, 14);
  EXPECT_LE(adjacent, 3);
}

TEST_P(GoldenQuantized, IsWrittenAsItWasRead) {
  const Scratch scratch;
  const auto source = open_weights(golden(folder()));
  const Weights weights(*source, torch::kFloat32, torch::kCPU);
  Quantization quantization;
  quantization.options.double_quantization = is_double();
  write_quantized(scratch / "copy", source->spec(), weights, torch::kFloat32, quantization, source->path());
  const auto file = test::golden_tensors(folder() + "/model.safetensors");
  const auto written = plugin::read_tensors(scratch / "copy" / "model.safetensors");
  EXPECT_EQ(written.size(), file.size());
  for (const auto& [name, tensor] : file) {
    ASSERT_TRUE(written.contains(name)) << name;
    EXPECT_TRUE(torch::equal(written.at(name), tensor)) << name;
  }
  const auto theirs = io::read_json(golden(folder()) / "config.json").value.at("quantization_config");
  EXPECT_EQ(io::read_json(scratch / "copy" / "config.json").value.at("quantization_config"), theirs);
}

INSTANTIATE_TEST_SUITE_P(Of, GoldenQuantized, testing::Values("llama_nf4_double", "llama_nf4_single"));

/// A copy of the golden model with some tensors or its config changed.
class BrokenCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(scratch_ / "m");
    config_ = io::read_json(golden("nf4/llama_nf4_double/config.json")).value;
    tensors_ = test::golden_tensors("nf4/llama_nf4_double/model.safetensors");
  }

  std::string open() {
    io::write_file(scratch_ / "m" / "config.json", config_.dump());
    plugin::write_tensors(scratch_ / "m" / "model.safetensors", tensors_);
    return message_of([&] { Weights(*open_weights(scratch_ / "m"), torch::kFloat32, torch::kCPU); });
  }

  torch::Tensor& part(const std::string& key) { return tensors_.at(kState + key); }
  std::string json() {
    const auto bytes = part(".quant_state.bitsandbytes__nf4");
    return {reinterpret_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(bytes.numel())};
  }
  void set_json(const std::string& text) {
    auto bytes = torch::empty({static_cast<int64_t>(text.size())}, torch::kUInt8);
    std::copy(text.begin(), text.end(), bytes.data_ptr<uint8_t>());
    part(".quant_state.bitsandbytes__nf4") = bytes;
  }
  void replace(const std::string& old, const std::string& with) {
    auto text = json();
    const auto at = text.find(old);
    ASSERT_NE(at, std::string::npos) << old;
    set_json(text.replace(at, old.size(), with));
  }

  Scratch scratch_;
  io::Json config_;
  Tensors tensors_;
};

TEST_F(BrokenCheckpoint, UnchangedItLoads) { EXPECT_EQ(open(), "nothing was thrown"); }

TEST_F(BrokenCheckpoint, PackedBytesMayBearAWiderType) {
  for (const auto type : {torch::kBFloat16, torch::kFloat16, torch::kFloat32}) {
    tensors_ = test::golden_tensors("nf4/llama_nf4_double/model.safetensors");
    for (auto& [name, tensor] : tensors_) {
      if (tensor.dim() == 2 && tensor.size(1) == 1) tensor = tensor.flatten().view(type).view({-1, 1});
    }
    EXPECT_EQ(open(), "nothing was thrown") << type;
    const auto read = open_weights(scratch_ / "m")->read(kState, torch::kFloat32);
    EXPECT_TRUE(torch::equal(read, open_weights(golden("nf4/llama_nf4_double"))->read(kState, torch::kFloat32)));
  }
}

TEST_F(BrokenCheckpoint, EachPartIsAskedFor) {
  for (const char* key : {".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"}) {
    const auto kept = part(key);
    tensors_.erase(std::string(kState) + key);
    EXPECT_THAT(open(), HasSubstr(std::string("tensor ") + kState + key + " is missing"));
    tensors_.emplace(std::string(kState) + key, kept);
  }
  tensors_.erase(kState);
  EXPECT_THAT(open(), HasSubstr(std::string("tensor ") + kState + " is missing"));
}

TEST_F(BrokenCheckpoint, AStateThatIsMissingLeavesItsPartsUnexpected) {
  tensors_.erase(std::string(kState) + ".quant_state.bitsandbytes__nf4");
  const auto message = open();
  EXPECT_THAT(message, HasSubstr("q_proj.weight has shape [2048, 1], expected [64, 64]"));
}

TEST_F(BrokenCheckpoint, UnknownPartsAreRefused) {
  tensors_.emplace(std::string(kState) + ".extra", torch::zeros({1}));
  EXPECT_THAT(open(), HasSubstr("q_proj.weight.extra is not part of architecture llama"));
}

TEST_F(BrokenCheckpoint, SizesMustFit) {
  part(".absmax") = part(".absmax").narrow(0, 0, 63).clone();
  EXPECT_THAT(open(), HasSubstr("q_proj.weight.absmax is U8 [63], expected U8 [64]"));
  SetUp();
  tensors_.at(kState) = tensors_.at(kState).narrow(0, 0, 2047).clone();
  EXPECT_THAT(open(), HasSubstr("q_proj.weight has 2047 bytes, expected 2048 for its shape"));
  SetUp();
  part(".absmax") = part(".absmax").to(torch::kFloat32);
  EXPECT_THAT(open(), HasSubstr("q_proj.weight.absmax is F32 [64], expected U8 [64]"));
  SetUp();
  replace("\"shape\": [64, 64]", "\"shape\": [32, 128]");
  EXPECT_THAT(open(), HasSubstr("q_proj.weight has shape [32, 128], expected [64, 64]"));
}

TEST_F(BrokenCheckpoint, StatesAreReadStrictly) {
  const std::pair<std::pair<const char*, const char*>, const char*> cases[] = {
      {{"\"shape\": [64, 64]", "\"shape\": [64]"}, "/shape: expected the rows and columns of a matrix, got"},
      {{"\"shape\": [64, 64]", "\"shape\": [-64, 64]"}, "/shape: expected the rows and columns"},
      {{"\"shape\": [64, 64]", "\"shape\": [2147483647, 2147483647]"}, "/shape: expected the rows and columns"},
      {{"\"blocksize\": 64", "\"blocksize\": 0"}, "/blocksize: expected a power of two from 32 to 4096"},
      {{"\"blocksize\": 64", "\"blocksize\": 96"}, "/blocksize: expected a power of two from 32 to 4096"},
      {{"\"nested_blocksize\": 256", "\"nested_blocksize\": 128"}, "/nested_blocksize: expected an integer"},
      {{"\"quant_type\": \"nf4\"", "\"quant_type\": \"fp4\""}, "/quant_type: expected"},
      {{"\"dtype\": \"float32\"", "\"dtype\": \"int8\""}, "/dtype: expected one of"},
      {{"\"nested_dtype\": \"float32\"", "\"nested_dtype\": \"float64\""}, "/nested_dtype: expected"},
      {{"\"blocksize\": 64", "\"blocksize\": 64, \"more\": 1"}, "/more: unknown key"},
      {{"\"quant_type\": \"nf4\", ", ""}, "/quant_type: missing"},
      {{"{", "["}, "quant_state.bitsandbytes__nf4"}};
  for (const auto& [change, message] : cases) {
    SetUp();
    replace(change.first, change.second);
    EXPECT_THAT(open(), HasSubstr(message)) << change.second;
  }
  SetUp();
  set_json("");
  EXPECT_THAT(open(), HasSubstr("expected JSON of at most 4096"));
  set_json(std::string(5000, ' '));
  EXPECT_THAT(open(), HasSubstr("is U8 of 5000 bytes, expected JSON of at most 4096"));
}

TEST_F(BrokenCheckpoint, TablesAndScalesAreChecked) {
  part(".quant_map") = part(".quant_map") * 1.01;
  EXPECT_THAT(open(), HasSubstr("q_proj.weight.quant_map is another table than bitsandbytes decodes nf4 with"));
  for (const char* key : {".nested_absmax", ".nested_quant_map"}) {
    SetUp();
    part(key) = part(key) * NAN;
    EXPECT_THAT(open(), HasSubstr(std::string("tensor ") + kState + " has scales that are not finite"));
  }
}

TEST_F(BrokenCheckpoint, OtherWaysOfQuantisingAreNamed) {
  config_["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}};
  EXPECT_THAT(open(), HasSubstr("/quantization_config: models quantised by the string \"gptq\" are not read; expected "
                                "four bits by bitsandbytes"));
  config_["quantization_config"] = {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}};
  EXPECT_THAT(open(), HasSubstr("bitsandbytes' 8-bit models are not read"));
  config_["quantization_config"] = 4;
  EXPECT_THAT(open(), HasSubstr("/quantization_config: is no object"));
}

TEST_F(BrokenCheckpoint, AConfigThatPromisesTooMuchIsRefused) {
  tensors_ = test::golden_tensors("nf4/llama_float/model.safetensors");
  EXPECT_THAT(open(), HasSubstr("config.json says that matrices are kept in four bits, and no tensor is"));
}

TEST_F(BrokenCheckpoint, DamagedStatesNeverCrash) {
  const auto whole = json();
  test::Mutator mutate(11, {"\"shape\"", "\"blocksize\"", "\"nested_offset\"", "4294967296", "-1", "1e999", "null", "[",
                            "]", "{", "}", "nf4", ","});
  int refused = 0;
  for (int i = 0; i < 150; ++i) {
    set_json(mutate(whole));
    refused += open() != "nothing was thrown" ? 1 : 0;
  }
  EXPECT_GT(refused, 75);
}

TEST(QuantizedWeights, HeadTableAndNormsStayWhole) {
  Quantization quantization;
  const Weights weights(*open_weights(golden("models/llama")), torch::kBFloat16, torch::kCPU, {quantization, false});
  for (const auto& slot : weights.linears()) {
    EXPECT_EQ(slot.base.storage()->kind(), slot.base.layer() < 0 ? "bfloat16" : "nf4") << slot.base.name();
    EXPECT_EQ(slot.weight->base.value().defined(), slot.base.layer() < 0);
  }
  const auto all = quantized_matrices(weights);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->kind, "nf4");
  EXPECT_EQ(all->source_type, torch::kBFloat16);
  EXPECT_EQ(about(*all), "nf4, scales quantised too, blocks of 64");
  EXPECT_GT(all->error->relative(), 0.05);
  EXPECT_LT(weights.bytes(), Weights(*open_weights(golden("models/llama")), torch::kBFloat16, torch::kCPU).bytes());
  EXPECT_EQ(weights.num_parameters(),
            Weights(*open_weights(golden("models/llama")), torch::kBFloat16, torch::kCPU).num_parameters());
}

TEST(QuantizedWeights, ARecordQuantisesTheSameWayAgain) {
  Quantization quantization;
  quantization.options.type = "fp4";
  quantization.options.block_size = 128;
  quantization.options.double_quantization = false;
  const auto source = open_weights(golden("models/llama"));
  const Weights first(*source, torch::kBFloat16, torch::kCPU, {quantization, false});
  const auto record = to_json(*quantized_matrices(first));
  EXPECT_EQ(record.at("source_type"), "bfloat16");
  EXPECT_EQ(record.at("rules"), "cuda");
  EXPECT_TRUE(record.at("compute_type").is_null());
  EXPECT_GT(record.at("relative_error").get<double>(), 0.05);
  const Weights again(*source, torch::kFloat32, torch::kCPU, {quantization_from_json(record, "run.json"), false});
  for (size_t i = 0; i + 1 < first.linears().size(); ++i) {
    EXPECT_TRUE(
        torch::equal(storage_of(first.linears()[i]).tensors().packed, storage_of(again.linears()[i]).tensors().packed));
    EXPECT_TRUE(torch::equal(first.linears()[i].base.weight().to(torch::kFloat32), again.linears()[i].base.weight()));
  }
  EXPECT_FALSE(quantization_from_json(nullptr, "run.json").has_value());
  auto mixed = record;
  mixed["type"] = "mixed";
  EXPECT_THAT(message_of([&] { quantization_from_json(mixed, "run.json"); }),
              HasSubstr("run.json: /type: expected one of 'nf4', 'fp4'"));
}

TEST(QuantizedWeights, QuantisingTwiceIsRefused) {
  const auto source = open_weights(golden("nf4/llama_nf4_single"));
  EXPECT_THAT(
      message_of([&] {
        Weights(*source, torch::kFloat32, torch::kCPU, {Quantization(), false});
      }),
      HasSubstr("llama_nf4_single: the model is kept as NF4 already, and quantising it again would only add error"));
  Decoder decoder(*source, torch::kFloat32, torch::kCPU);
  plugin::DecoderPoints points(decoder, 0, {});
  const auto& base = decoder.weights().linears().front().base;
  EXPECT_THAT(message_of([&] { points.store(base, quantized(base.weight(), {})); }),
              HasSubstr("q_proj is kept as nf4 already, and quantising it again would only add error"));
}

TEST(QuantizedWeights, AMatrixThatCannotBeQuantisedIsNamed) {
  const Scratch scratch;
  fs::create_directories(scratch / "m");
  fs::copy(golden("models/llama/config.json"), scratch / "m" / "config.json");
  auto tensors = test::golden_tensors("models/llama/model.safetensors");
  tensors.at("model.layers.1.mlp.up_proj.weight")[0][0] = NAN;
  plugin::write_tensors(scratch / "m" / "model.safetensors", tensors);
  EXPECT_THAT(message_of([&] {
                Weights(*open_weights(scratch / "m"), torch::kFloat32, torch::kCPU, {Quantization(), false});
              }),
              HasSubstr("tensor model.layers.1.mlp.up_proj.weight: the matrix has values that are not finite"));
}

TEST(QuantizedWeights, ATrainedCopyOfAQuantisedMatrixIsRefused) {
  const Weights weights(*open_weights(golden("nf4/llama_nf4_single")), torch::kFloat32, torch::kCPU);
  EXPECT_THAT(
      message_of([&] { ParameterPatch(weights.linears().front().weight->base); }),
      HasSubstr("model.layers.0.self_attn.q_proj.weight is kept quantised, and a trained copy of it would not be"));
}

TEST(LazyWeights, AreReadWhenAskedFor) {
  const auto source = open_weights(golden("models/llama"));
  Weights lazy(*source, torch::kFloat32, torch::kCPU, {std::nullopt, /*lazily=*/true});
  const Weights whole(*source, torch::kFloat32, torch::kCPU);
  auto& first = lazy.linears().front();
  EXPECT_FALSE(first.weight->base.value().defined());
  EXPECT_EQ(lazy.bytes(), whole.bytes());
  EXPECT_EQ(lazy.num_parameters(), whole.num_parameters());
  first.base.set_storage(quantized(first.base.weight(), {}));
  lazy.load_rest();
  EXPECT_EQ(first.base.storage()->kind(), "nf4");
  EXPECT_FALSE(first.weight->base.value().defined());
  for (size_t i = 1; i < whole.linears().size(); ++i) {
    EXPECT_EQ(lazy.linears()[i].base.storage()->kind(), "float32");
    EXPECT_TRUE(torch::equal(lazy.linears()[i].weight->base.value(), whole.linears()[i].weight->base.value()));
    EXPECT_TRUE(lazy.linears()[i].base.weight().is_same(lazy.linears()[i].weight->base.value()));
  }
}

}  // namespace
}  // namespace peftlab::model
