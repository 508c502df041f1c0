#include "core/plugin/json_value.h"
#include "support.h"

namespace peftlab::plugin {
namespace {

using testing::HasSubstr;

TEST(Value, ReadsWhatItHoldsAndNamesWhatItDoesNot) {
  EXPECT_EQ(Value(true).boolean(), true);
  EXPECT_EQ(Value(int64_t{3}).integer(), 3);
  EXPECT_EQ(Value(int64_t{3}).number(), 3.0);
  EXPECT_EQ(Value("a").text(), "a");
  EXPECT_EQ(Value(std::vector<std::string>{"a", "b"}).texts(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(thrown<ConfigError>([] { Value(0.5).integer(); }), "expected an integer, got a number");
  EXPECT_EQ(thrown<ConfigError>([] { Value(nullptr).boolean(); }), "expected a boolean, got null");
  EXPECT_EQ(thrown<ConfigError>([] { Value("a").list(); }), "expected a list, got a text");
  EXPECT_EQ(thrown<ConfigError>([] { Value(List{1}).fields(); }), "expected an object, got a list");
  EXPECT_EQ(thrown<ConfigError>([] { Value(List{1}).texts(); }), "expected a list of texts, got an integer");
}

TEST(Value, FieldsKeepTheirOrderAndReplace) {
  Fields fields;
  fields.set("b", 1);
  fields.set("a", 2);
  fields.set("b", 3);
  EXPECT_EQ(to_json(fields).dump(), R"({"b":3,"a":2})");
  EXPECT_EQ(fields.find("c"), nullptr);
}

TEST(Value, GoesThroughJsonAndBack) {
  const std::string text = R"({"z":null,"a":[1,2.5,"x",true,{}],"big":18446744073709551615,"s":"路"})";
  const auto json = io::Json::parse(text);
  const auto fields = to_fields(json);
  EXPECT_EQ(to_json(fields)["a"], json["a"]);
  EXPECT_EQ(to_json(fields)["s"], json["s"]);
  EXPECT_TRUE(fields.find("z")->is_null());
  EXPECT_DOUBLE_EQ(fields.find("big")->number(), 18446744073709551615.0);
}

}  // namespace
}  // namespace peftlab::plugin
