#include "core/lab/inspection.h"

#include <algorithm>

#include "core/model/weights.h"
#include "core/plugin/adapter_folder.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPeftPrefix = "base_model.model.";

/// The name with its layer number as "*".
std::string pattern_of(const std::string& name) {
  std::string pattern;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    const bool is_number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    pattern += (begin > 0 ? "." : "") + (is_number ? "*" : part);
    begin = end + 1;
  }
  return pattern;
}

void add_to(std::vector<TensorGroup>& groups, const std::string& name, const std::vector<int64_t>& shape) {
  const std::string pattern = pattern_of(name);
  const auto same = [&](const TensorGroup& group) { return group.pattern == pattern && group.shape == shape; };
  const auto at = std::find_if(groups.begin(), groups.end(), same);
  if (at == groups.end()) {
    groups.push_back({pattern, shape, 1});
  } else {
    ++at->count;
  }
}

int64_t weight_bytes(const fs::path& path) {
  if (fs::is_regular_file(path)) return static_cast<int64_t>(fs::file_size(path));
  int64_t total = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".safetensors") total += static_cast<int64_t>(entry.file_size());
  }
  return total;
}

io::Json groups_json(const std::vector<TensorGroup>& groups) {
  io::Json list = io::Json::array();
  for (const auto& group : groups) list.push_back({{"name", group.pattern}, {"shape", group.shape}, {"count", group.count}});
  return list;
}

std::string text_of(const Fields& config, const std::string& key) {
  const Value* value = config.find(key);
  return value != nullptr && value->is_text() ? value->text() : "";
}

}  // namespace

ModelInspection inspect_model(const fs::path& path) {
  const auto source = model::open_weights(path);
  // On the meta device shapes are kept and values are not: one tensor at a time is in memory.
  const model::Weights weights(*source, torch::kBFloat16, torch::kMeta);
  ModelInspection result{source->spec(), source->stored_type(), weight_bytes(path), weights.num_parameters(), model::quantized_matrices(weights), {}, {}};
  std::map<std::string, std::vector<int64_t>> shapes;  // of quantised matrices, which have no tensor of their own
  for (const auto& slot : weights.linears()) {
    add_to(result.matrices, slot.base.name(), {slot.base.out(), slot.base.in()});
    shapes[slot.weight->base.name()] = {slot.base.out(), slot.base.in()};
  }
  for (const auto& slot : weights.parameters()) {
    const auto& value = slot.base.value();
    add_to(result.parameters, slot.base.name(), value.defined() ? value.sizes().vec() : shapes.at(slot.base.name()));
  }
  return result;
}

AdapterInspection inspect_adapter(const fs::path& folder) {
  const auto adapter = plugin::read_adapter(folder);
  AdapterInspection result;
  result.path = folder.string();
  result.peft_type = text_of(adapter.config, "peft_type");
  result.base_model = text_of(adapter.config, "base_model_name_or_path");
  try {
    result.method = plugin::create_from_adapter(adapter, folder.string()).name();
  } catch (const ConfigError& error) {
    result.why_unread = error.what();
  }
  for (const auto& [name, tensor] : adapter.tensors) {
    add_to(result.tensors, name.starts_with(kPeftPrefix) ? name.substr(kPeftPrefix.size()) : name, tensor.sizes().vec());
    result.num_parameters += tensor.numel();
    result.bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return result;
}

io::Json to_json(const ModelInspection& m) {
  const ModelShape& s = m.spec.shape;
  io::Json json = {{"architecture", s.architecture},
          {"num_layers", s.num_layers},
          {"num_heads", s.num_heads},
          {"num_kv_heads", s.num_kv_heads},
          {"head_width", s.head_width},
          {"width", s.width},
          {"mlp_width", s.mlp_width},
          {"vocab_size", s.vocab_size},
          {"tied_head", s.tied_head},
          {"max_positions", m.spec.max_positions},
          {"num_parameters", m.num_parameters},
          {"stored_type", m.stored_type},
          {"file_bytes", m.file_bytes},
          {"matrices", groups_json(m.matrices)},
          {"parameters", groups_json(m.parameters)}};
  if (m.quantized) json["quantized"] = model::to_json(*m.quantized);
  return json;
}

io::Json to_json(const AdapterInspection& a) {
  io::Json json = {{"path", a.path}, {"peft_type", a.peft_type}, {"base_model", a.base_model}};
  json["method"] = a.method.empty() ? io::Json(nullptr) : io::Json(a.method);
  if (!a.why_unread.empty()) json["why_unread"] = a.why_unread;
  json["num_parameters"] = a.num_parameters;
  json["bytes"] = a.bytes;
  json["tensors"] = groups_json(a.tensors);
  return json;
}

}  // namespace peftlab::lab
