// PEFT's configurations of low-rank methods: who reads them, and what they mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/plugin/json_value.h"
#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";

TEST(PeftConfigurations, AreReadByOneMethodOrRefusedWithTheReason) {
  const fs::path experiments = fs::path(PEFTLAB_SOURCE_DIR) / "../shared/peft/experiments";
  if (!fs::is_directory(experiments)) GTEST_SKIP() << "no ../shared/peft/experiments beside the checkout";
  const std::map<std::string, std::string> refused = {
      {"llama-3.2-3B-rank14-target-mlp-bdlora", "field 'use_bdlora'"},
      {"llama-3.2-3B-rank32-kasa", "field 'kasa_config'"},
      {"llama-3.2-3B-rank32-mica", "field 'init_lora_weights' of the adapter is \"mica\""}};
  int num_read = 0;
  for (const char* kind : {"lora", "adalora", "trainable_tokens"}) {
    for (const auto& entry : fs::directory_iterator(experiments / kind)) {
      const auto name = entry.path().filename().string();
      const Adapter adapter{plugin::to_fields(io::read_json(entry.path() / "adapter_config.json").value), {}};
      std::string read_by;
      const auto message = test::message_of([&] { read_by = plugin::create_from_adapter(adapter, name).name(); });
      if (const auto reason = refused.find(name); reason != refused.end()) {
        EXPECT_THAT(message, HasSubstr(reason->second)) << name;
        continue;
      }
      EXPECT_EQ(read_by, name.ends_with("-dora") ? "dora" : kind) << message;
      ++num_read;
    }
  }
  EXPECT_GE(num_read, 9);
}

TEST(PeftConfigurations, WithoutTargetsMeanQueryAndValue) {
  Adapter adapter;
  adapter.config = plugin::to_fields(io::parse_json(R"({"peft_type":"LORA","r":2,"target_modules":null})", "x").value);
  auto made = plugin::create_from_adapter(adapter, "x");
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  std::vector<plugin::CreatedMethod> created;
  created.push_back(std::move(made));
  const auto set = lab::attach_methods(decoder, std::move(created), 0, nullptr);
  EXPECT_EQ(set.methods.front()->filled().size(), 4u);
  EXPECT_EQ(set.methods.front()->adapter("b").config.find("target_modules")->texts().front(), kQuery);
}

}  // namespace
}  // namespace peftlab
