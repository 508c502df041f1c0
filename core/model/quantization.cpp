#include "core/model/quantization.h"

#include <cmath>

#include "core/model/float_type.h"
#include "core/model/weights.h"

namespace peftlab::model {
namespace {

const std::vector<std::string> kTypes = {"bfloat16", "float16", "float32"};

const char* type_name(torch::ScalarType type) {
  return type == torch::kBFloat16 ? "bfloat16" : type == torch::kHalf ? "float16" : "float32";
}

void add(QuantizedMatrices& all, const kernels::QuantizedStorage& one) {
  const auto& t = one.tensors();
  const bool first = all.count++ == 0;
  const auto compute_type = one.product_type() == one.compute_type() ? std::nullopt : std::optional(one.product_type());
  const bool same = first || (all.kind == one.kind() && all.double_quantization == t.is_double() &&
                              all.block_size == t.format.block_size && all.source_type == t.source_type &&
                              all.cpu_rules == t.cpu_rules && all.compute_type == compute_type);
  all.kind = same ? one.kind() : "mixed";
  all.double_quantization = t.is_double();
  all.block_size = t.format.block_size;
  all.source_type = t.source_type;
  all.cpu_rules = t.cpu_rules;
  all.compute_type = compute_type;
  all.num_parameters += t.num_elements();
  all.bytes += one.bytes();
  if (first)
    all.error = one.error();
  else if (all.error && one.error())
    all.error->add(*one.error());
  else
    all.error.reset();
}

}  // namespace

std::optional<QuantizedMatrices> quantized_matrices(const Weights& weights) {
  QuantizedMatrices all;
  for (const auto& slot : weights.linears()) {
    if (const auto* one = dynamic_cast<const kernels::QuantizedStorage*>(slot.base.storage().get())) add(all, *one);
  }
  return all.count > 0 ? std::optional(all) : std::nullopt;
}

std::string about(const QuantizedMatrices& m) {
  if (m.kind == "mixed") return "four bits, in several ways";
  return m.kind + (m.double_quantization ? ", scales quantised too" : ", plain scales") + ", blocks of " +
         std::to_string(m.block_size);
}

io::Json to_json(const QuantizedMatrices& m) {
  io::Json json = {{"type", m.kind},
                   {"double_quantization", m.double_quantization},
                   {"block_size", m.block_size},
                   {"source_type", type_name(m.source_type)},
                   {"rules", m.cpu_rules ? "cpu" : "cuda"},
                   {"compute_type", m.compute_type ? io::Json(type_name(*m.compute_type)) : io::Json(nullptr)},
                   {"num_matrices", m.count},
                   {"num_parameters", m.num_parameters},
                   {"bytes", m.bytes},
                   {"bits_per_parameter", m.bits_per_parameter()}};
  if (m.error && std::isfinite(m.error->relative())) json["relative_error"] = m.error->relative();
  return json;
}

std::optional<Quantization> quantization_from_json(const io::Json& json, const std::string& where) {
  if (json.is_null()) return std::nullopt;
  io::Mistakes mistakes;
  const io::Document document{json, [where](const io::Pointer&) { return where; }};
  io::ObjectReader reader(document, "", mistakes);
  Quantization found;
  found.options.type = reader.choice("type", std::nullopt, {"nf4", "fp4"}, "how matrices are kept");
  found.options.double_quantization = reader.flag("double_quantization", std::nullopt, "scales in 8 bits");
  found.options.block_size = reader.integer("block_size", std::nullopt, "values that share a scale");
  found.source_type = float_type(reader.choice("source_type", std::nullopt, kTypes, "what was quantised"));
  const auto compute_type = reader.choice("compute_type", "", kTypes, "of products; the model's if not given");
  if (!compute_type.empty()) found.options.compute_type = float_type(compute_type);
  found.options.cpu_rules = reader.choice("rules", std::nullopt, {"cuda", "cpu"}, "how values are rounded") == "cpu";
  mistakes.throw_if_any();
  kernels::check_quantization(found.options);
  return found;
}

}  // namespace peftlab::model
