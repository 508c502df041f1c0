#include <gmock/gmock.h>

#include <cstring>
#include <numeric>

#include "core/io/safetensors.h"
#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::io {
namespace {

using test::bytes_of;
using test::message_of;
using test::Scratch;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(WriteSafetensors, ComesBackEqualAndAligned) {
  const Scratch scratch;
  std::vector<float> floats(6);
  std::iota(floats.begin(), floats.end(), 0.5f);
  const std::vector<int64_t> longs = {-1, 2};
  const auto* f = reinterpret_cast<const std::byte*>(floats.data());
  const auto* l = reinterpret_cast<const std::byte*>(longs.data());
  write_safetensors(scratch / "m.safetensors",
                    {{"half", Dtype::kF16, {3}, f, 6},
                     {"z", Dtype::kF32, {2, 3}, f, 24},
                     {"b \"\xE8\x87\xBA\"", Dtype::kF32, {}, f, 4},
                     {"long", Dtype::kI64, {2}, l, 16},
                     {"none", Dtype::kF32, {0}, nullptr, 0}},
                    {{"format", "pt"}});
  const SafetensorsFile file(scratch / "m.safetensors");
  EXPECT_THAT(file.names(), ElementsAre("long", "b \"\xE8\x87\xBA\"", "none", "z", "half"));
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(std::memcmp(file.at("z").data, f, 24), 0);
  EXPECT_EQ(std::memcmp(file.at("long").data, l, 16), 0);
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % static_cast<size_t>(dtype_bits(tensor.dtype) / 8), 0u)
        << tensor.name;
  }
}

TEST(WriteSafetensors, RefusesWrongUse) {
  const Scratch scratch;
  const std::byte data[8] = {};
  const auto write = [&](const std::vector<TensorView>& tensors,
                         const std::map<std::string, std::string>& metadata = {}) {
    return message_of<std::invalid_argument>([&] { write_safetensors(scratch / "f", tensors, metadata); });
  };
  EXPECT_THAT(write({{"a", Dtype::kU8, {8}, data, 8}, {"a", Dtype::kU8, {8}, data, 8}}),
              HasSubstr("tensor 'a': given twice"));
  EXPECT_THAT(write({{"a", Dtype::kU8, {7}, data, 8}}), HasSubstr("tensor 'a': bytes and shape do not fit"));
  EXPECT_THAT(write({{"__metadata__", Dtype::kU8, {8}, data, 8}}), HasSubstr("not a name"));
  EXPECT_THAT(write({{"\xFF", Dtype::kU8, {8}, data, 8}}), HasSubstr("not a name"));
  EXPECT_THAT(write({}, {{"k", "\xFF"}}), HasSubstr("metadata 'k': not UTF-8"));
  EXPECT_EQ(scratch.num_entries(), 0u);
}

TEST(WriteSafetensors, NeverOverwritesWhatItReads) {
  const Scratch scratch;
  const std::byte data[2] = {};
  write_safetensors(scratch / "m.safetensors", {{"a", Dtype::kU8, {2}, data, 2}});
  const std::string before = bytes_of(scratch / "m.safetensors");
  const SafetensorsFile file(scratch / "m.safetensors");
  EXPECT_THAT(message_of<RunError>([&] { write_safetensors(scratch / "m.safetensors", file.tensors()); }),
              HasSubstr("m.safetensors: is being read by this process"));
  EXPECT_EQ(bytes_of(scratch / "m.safetensors"), before);
}

TEST(WriteSafetensors, ManyTensorsTakeNoQuadraticTime) {
  const Scratch scratch;
  const std::byte data[4] = {};
  std::vector<TensorView> tensors;
  for (int i = 0; i < 20'000; ++i) tensors.push_back({"t" + std::to_string(i), Dtype::kF32, {1}, data, 4});
  write_safetensors(scratch / "f", tensors);
  EXPECT_EQ(SafetensorsFile(scratch / "f").tensors().size(), tensors.size());
}

}  // namespace
}  // namespace peftlab::io
