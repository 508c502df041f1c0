// Methods on bases in four bits: adapters that PEFT trained on them, the method that quantises its base, and what is
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/kernels/quantized_storage.h"
#include "core/lab/loaded_model.h"
#include "core/lab/merge.h"
#include "core/lab/run_record.h"
#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using kernels::QuantizedStorage;
using test::golden;
using test::message_of;
using testing::HasSubstr;

constexpr char kQlora[] = R"({"name": "qlora", "rank": 4, "alpha": 8, "targets": ["q_proj", "down_proj"]})";

bool is_quantized(const model::LinearSlot& slot) {
  return dynamic_cast<const QuantizedStorage*>(slot.base.storage().get()) != nullptr;
}

torch::Tensor logits_of(const model::Decoder& decoder, const std::vector<int64_t>& ids) {
  const torch::NoGradGuard no_grad;
  return decoder.logits(decoder.hidden(model::make_batch({model::unlabelled(ids)}, /*share_beginning=*/false)));
}

const std::vector<int64_t> kIds = {1, 5, 9, 70, 3, 64, 2};

class QuantizedPeft : public testing::TestWithParam<const char*> {};

TEST_P(QuantizedPeft, LogitsLossAndGradientsEqualPeft) {
  const std::string folder = std::string("nf4/qlora/") + GetParam();
  const auto meta = io::read_json(golden(folder + "/meta.json")).value;
  const auto io = test::golden_tensors(folder + "/io.safetensors");
  model::Decoder decoder(*model::open_weights(golden(meta.at("base"))), torch::kFloat32, torch::kCPU);
  const auto set = lab::attach_adapter(decoder, golden(folder), nullptr);
  const auto rows = test::sequences(io.at("input_ids"), io.at("attention_mask"), io.at("labels"));
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto logits = logits_of(decoder, rows[row].ids);
    EXPECT_LT(test::difference(logits, io.at("logits")[static_cast<int64_t>(row)].narrow(0, 0, logits.size(0))), 2e-4);
  }
  const auto batch = model::make_batch(rows, false);
  const auto loss = (decoder.label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels);
  EXPECT_NEAR(loss.item<double>(), io.at("loss").item<double>(), 3e-5);
  loss.backward();
  EXPECT_EQ(set.num_trainable(), meta.at("trainable_parameters").get<int64_t>());
  for (const auto& trained : set.methods.front()->trainable()) {
    const auto name = "grad." + trained.name;
    const auto gradient = io.at(io.contains(name) ? name : name + ".weight");  // of magnitudes, whose file drops it
    EXPECT_LT(test::difference(trained.tensor.grad(), gradient), 5e-4 * (test::magnitude(gradient) + 1e-6))
        << trained.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, QuantizedPeft, testing::Values("lora", "dora"));

TEST(Qlora, QuantisesEveryMatrixOfTheLayers) {
  test::Toy toy(kQlora, torch::kBFloat16);
  for (const auto& slot : toy.decoder->weights().linears())
    EXPECT_EQ(is_quantized(slot), slot.base.layer() >= 0) << slot.base.name();
  EXPECT_EQ(toy.method().filled().size(), 4u);
  const auto quantized = model::quantized_matrices(toy.decoder->weights());
  EXPECT_EQ(quantized->kind, "nf4");
  EXPECT_TRUE(quantized->error.has_value());
}

TEST(Qlora, StartsAsTheQuantisedBase) {
  test::Toy toy(kQlora);
  model::Quantization quantization;
  const model::Decoder base(*model::open_weights(golden("models/llama")), torch::kFloat32, torch::kCPU,
                            {quantization, false});
  EXPECT_TRUE(torch::equal(logits_of(*toy.decoder, kIds), logits_of(base, kIds)));
  toy.perturb();
  EXPECT_FALSE(torch::equal(logits_of(*toy.decoder, kIds), logits_of(base, kIds)));
  const model::PatchesOff off(*toy.decoder);
  EXPECT_TRUE(torch::equal(logits_of(*toy.decoder, kIds), logits_of(base, kIds)));
}

TEST(Qlora, ItsAdapterIsReadAsALowRankUpdate) {
  test::Toy toy(kQlora, torch::kBFloat16);
  toy.perturb();
  const auto adapter = toy.method().adapter("toy");
  EXPECT_EQ(adapter.config.find("peft_type")->text(), "LORA");
  const auto created = plugin::create_from_adapter(adapter, "adapter");
  EXPECT_EQ(created.name(), "lora");
  // The record tells how the base was kept, and so the answers are the same.
  const auto record =
      io::Json{{"model", {{"quantized", model::to_json(*model::quantized_matrices(toy.decoder->weights()))}}}};
  const auto source = model::open_weights(golden("models/llama"));
  model::Decoder again(*source, torch::kBFloat16, torch::kCPU, lab::reading_of(record, *source));
  plugin::DecoderPoints points(again, /*seed=*/0, {});
  plugin::AttachedMethod read(plugin::create_from_adapter(adapter, "adapter"), points, &adapter);
  read.train(false);
  EXPECT_TRUE(torch::equal(logits_of(again, kIds), logits_of(*toy.decoder, kIds)));
}

TEST(Qlora, TheRecordSaysWhatQuantisingCost) {
  test::Toy toy(kQlora);
  io::Json record = {{"methods", io::Json::array({io::Json::object()})}};
  lab::record_methods(record, toy.set, *toy.decoder);
  const auto& quantized = record.at("model").at("quantized");
  EXPECT_EQ(quantized.at("type"), "nf4");
  EXPECT_NEAR(quantized.at("bits_per_parameter").get<double>(), 4.127, 0.05);
  EXPECT_GT(quantized.at("relative_error").get<double>(), 0.05);
  EXPECT_EQ(record.at("model").at("frozen_bytes").get<int64_t>(), toy.decoder->weights().bytes());
  test::Toy plain(test::kLora);
  lab::record_methods(record, plain.set, *plain.decoder);
  EXPECT_TRUE(record.at("model").at("quantized").is_null());
}

TEST(Qlora, MergesIntoTheDecodedMatrices) {
  test::Toy toy(kQlora);
  toy.perturb();
  const auto merged = lab::merged_model(*toy.decoder, toy.set);
  EXPECT_EQ(merged.changed.size(), 4u);
  for (const auto& slot : toy.decoder->weights().linears()) {
    const auto& weight = merged.tensors.at(slot.base.name() + ".weight");
    if (slot.patch == nullptr) {
      EXPECT_TRUE(torch::equal(weight, slot.base.weight()));
    } else {
      EXPECT_FALSE(torch::equal(weight, slot.base.weight()));
    }
  }
}

TEST(Qlora, GradientsAgreeWithDifferences) {
  test::Toy toy(R"({"name": "qlora", "rank": 1, "targets": ["v_proj"]})", torch::kFloat64);
  toy.perturb();
  const auto batch = model::make_batch(test::sharing_sequences(2, 3), /*share_beginning=*/true);
  std::vector<torch::Tensor> trained;
  for (const auto& t : toy.method().trainable()) trained.push_back(t.tensor);
  test::expect_differences([&] { return toy.decoder->label_losses(batch); }, trained);
}

std::string refused(const std::string& options, const std::string& model = "models/llama") {
  return message_of([&] { test::Toy toy(options, torch::kFloat32, /*seed=*/0, model); });
}

TEST(Qlora, RefusesOptionsThatMeanNothing) {
  const auto message =
      refused(R"({"name": "qlora", "quant_type": "int4", "block_size": 48, "init": "pissa", "compute_type": "f16"})");
  EXPECT_THAT(message, HasSubstr("/method/quant_type: expected one of 'nf4', 'fp4'"));
  EXPECT_THAT(message, HasSubstr("/method/block_size: expected a power of two"));
  EXPECT_THAT(message, HasSubstr("/method/init: takes a matrix apart that is kept quantised"));
  EXPECT_THAT(message, HasSubstr("/method/compute_type: expected one of"));
  EXPECT_THAT(refused(R"({"name": "qlora", "block_size": 16})"), HasSubstr("/method/block_size: expected an integer"));
}

TEST(Qlora, RefusesABaseThatIsQuantisedAlready) {
  EXPECT_THAT(refused(kQlora, "nf4/llama_nf4_double"),
              HasSubstr("q_proj is kept as nf4 already, and quantising it again would only add error"));
}

TEST(QuantizedBase, TakesMethodsThatAddToIt) {
  test::Toy toy(test::kLora, torch::kFloat32, /*seed=*/0, "nf4/llama_nf4_double");
  EXPECT_EQ(toy.method().filled().size(), 14u);
  toy.perturb();
  const auto batch = model::make_batch(test::sharing_sequences(2, 3), false);
  toy.decoder->label_losses(batch).sum().backward();
  for (const auto& t : toy.method().trainable()) EXPECT_TRUE(t.tensor.grad().defined()) << t.name;
}

TEST(QuantizedBase, RefusesMethodsThatTrainItsMatrices) {
  for (const auto* name : {"full", "last_layer"}) {
    const auto message = refused(std::string(R"({"name": ")") + name + R"("})", "nf4/llama_nf4_single");
    EXPECT_THAT(message, HasSubstr("_proj.weight is kept quantised, and a trained copy of it would not be")) << name;
    EXPECT_THAT(message, HasSubstr(std::string("method '") + name + "'"));
  }
}

TEST(QuantizedBase, CheckpointingComputesTheSame) {
  test::Toy toy(test::kLora, torch::kFloat32, /*seed=*/0, "nf4/llama_nf4_double");
  toy.perturb();
  const auto batch = model::make_batch(test::sharing_sequences(3, 4), true);
  std::vector<torch::Tensor> plain;
  toy.decoder->label_losses(batch).sum().backward();
  for (const auto& t : toy.method().trainable()) {
    plain.push_back(t.tensor.grad().clone());
    t.tensor.mutable_grad() = torch::Tensor();
  }
  toy.decoder->set_checkpointing(true);
  toy.decoder->label_losses(batch).sum().backward();
  for (size_t i = 0; i < plain.size(); ++i)
    EXPECT_TRUE(torch::equal(toy.method().trainable()[i].tensor.grad(), plain[i]));
}

}  // namespace
}  // namespace peftlab
