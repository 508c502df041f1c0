#include <gmock/gmock.h>

#include "core/io/safetensors.h"
#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::io {
namespace {

using test::message_of;
using test::put;
using test::Scratch;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kIndex[] = "model.safetensors.index.json";
constexpr char kFirst[] = "model-00001-of-00002.safetensors";
constexpr char kSecond[] = "model-00002-of-00002.safetensors";

void write_bytes(const std::filesystem::path& path, const std::vector<std::string>& names) {
  static const std::byte data[2] = {std::byte{1}, std::byte{2}};
  std::vector<TensorView> tensors;
  for (const std::string& name : names) tensors.push_back({name, Dtype::kU8, {2}, data, 2});
  write_safetensors(path, tensors);
}

std::string index_of(const std::string& map) { return R"({"metadata":{"total_size":6},"weight_map":{)" + map + "}}"; }

const std::string kGoodMap = std::string(R"("a":")") + kFirst + R"(","b":")" + kFirst + R"(","c":")" + kSecond + "\"";

void write_shards(const Scratch& scratch, const std::string& index) {
  write_bytes(scratch / kFirst, {"a", "b"});
  write_bytes(scratch / kSecond, {"c"});
  put(scratch / kIndex, index);
}

TEST(SafetensorsSet, OpensAFileAFolderAndShards) {
  const Scratch scratch;
  write_shards(scratch, index_of(kGoodMap));
  for (const std::filesystem::path& path : {scratch.folder(), scratch / kIndex}) {
    const SafetensorsSet set(path);
    EXPECT_THAT(set.names(), ElementsAre("a", "b", "c"));
    EXPECT_EQ(set.files().size(), 2u);
    EXPECT_EQ(set.at("c").bytes, 2u);
    EXPECT_EQ(set.find("d"), nullptr);
  }
  write_bytes(scratch / "model.safetensors", {"whole.weight"});
  const SafetensorsSet set(scratch.folder());
  EXPECT_THAT(set.names(), ElementsAre("whole.weight")) << "one file goes before shards";
  EXPECT_THAT(message_of<ConfigError>([&] { set.at("whole.weights"); }),
              HasSubstr("has no tensor 'whole.weights'; the nearest is 'whole.weight'"));
  EXPECT_THAT(SafetensorsSet(scratch / kSecond).names(), ElementsAre("c"));
}

TEST(SafetensorsSet, TellsEveryMistakeOfAnIndex) {
  const Scratch scratch;
  write_shards(scratch, index_of(R"("a":"model-00001-of-00002.safetensors","c":"model-00001-of-00002.safetensors",)"
                                 R"("d":"model-00002-of-00002.safetensors")"));
  EXPECT_THAT(message_of<ConfigError>([&] { SafetensorsSet(scratch.folder()); }),
              AllOf(HasSubstr(std::string(kFirst) + ": tensor 'b' is not in the index"),
                    HasSubstr(std::string(kSecond) + ": tensor 'c': the index gives it to " + kFirst),
                    HasSubstr(std::string("tensor 'c' is not in ") + kFirst),
                    HasSubstr(std::string("tensor 'd' is not in ") + kSecond)));
}

TEST(SafetensorsSet, AnIndexStaysInItsFolder) {
  const Scratch scratch;
  write_shards(scratch,
               index_of(R"("a":"../x.safetensors","b":"/etc/x.safetensors","c":"..","d":"sub\\x","e":"","f":1)"));
  EXPECT_THAT(
      message_of<ConfigError>([&] { SafetensorsSet(scratch.folder()); }),
      AllOf(HasSubstr("tensor 'a': '../x.safetensors' is no file of this folder"),
            HasSubstr("tensor 'b': '/etc/x.safetensors' is no file of this folder"),
            HasSubstr("tensor 'c': '..' is no file of this folder"), HasSubstr("tensor 'd': 'sub\\x' is no file"),
            HasSubstr("tensor 'e': '' is no file"), HasSubstr("tensor 'f': expected the name of a file, got number")));
}

TEST(SafetensorsSet, RefusesBrokenIndexes) {
  const Scratch scratch;
  const auto opened_with = [&](const std::string& index) {
    write_shards(scratch, index);
    return message_of<ConfigError>([&] { SafetensorsSet(scratch.folder()); });
  };
  EXPECT_THAT(opened_with("{}"), HasSubstr("expected an object 'weight_map'"));
  EXPECT_THAT(opened_with("[]"), HasSubstr("expected an object 'weight_map'"));
  EXPECT_THAT(opened_with(R"({"weight_map":[]})"), HasSubstr("expected an object 'weight_map'"));
  EXPECT_THAT(opened_with(index_of("")), HasSubstr("its weight_map is empty"));
  EXPECT_THAT(opened_with("{"), HasSubstr(kIndex));
  EXPECT_THAT(opened_with(index_of(R"("a":"gone.safetensors")")),
              HasSubstr("gone.safetensors: cannot read: no such file"));
  EXPECT_THAT(opened_with(index_of(R"("a":"pytorch_model-1.bin")")), HasSubstr("pytorch_model-1.bin: is a pickle"));
}

TEST(SafetensorsSet, NeverReadsPickles) {
  const Scratch scratch;
  for (const char* name : {"pytorch_model.bin", "m.pt", "m.pth", "m.ckpt", "m.pkl"}) {
    const Scratch folder;
    put(folder / name, "x");
    const auto expected = AllOf(HasSubstr(std::string(name) + ": is a pickle, which runs code"),
                                HasSubstr("save_pretrained(folder, safe_serialization=True)"));
    EXPECT_THAT(message_of<ConfigError>([&] { SafetensorsSet(folder / name); }), expected);
    EXPECT_THAT(message_of<ConfigError>([&] { SafetensorsSet(folder.folder()); }), expected);
  }
  EXPECT_THAT(message_of<ConfigError>([&] { SafetensorsSet(scratch.folder()); }),
              HasSubstr("has neither model.safetensors nor model.safetensors.index.json"));
  EXPECT_THAT(message_of<ConfigError>([&] { SafetensorsSet(scratch / "none.safetensors"); }),
              HasSubstr("cannot read: no such"));
}

}  // namespace
}  // namespace peftlab::io
