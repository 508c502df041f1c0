#include "core/plugin/peft_config.h"

#include <algorithm>
#include <cctype>

#include "peftlab/peft.h"

namespace peftlab::plugin {
namespace {

constexpr const char* kPrefix = "PEFTLAB_";

std::string mapped(std::string text, int (*change)(int)) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [change](char c) { return static_cast<char>(change(static_cast<unsigned char>(c))); });
  return text;
}

}  // namespace

Fields own_config(const std::string& method, Fields options) {
  auto config = peft_fields(kPrefix + mapped(method, std::toupper));
  config.set("options", std::move(options));
  return config;
}

std::optional<std::string> own_method(const Fields& config) {
  const Value* type = config.find("peft_type");
  if (type == nullptr || !type->is_text() || !type->text().starts_with(kPrefix)) return std::nullopt;
  return mapped(type->text().substr(std::string(kPrefix).size()), std::tolower);
}

}  // namespace peftlab::plugin
