#include "core/lab/merge.h"

#include <algorithm>

#include "core/lab/refusals.h"

namespace peftlab::lab {
namespace {

using plugin::PointKind;

class Merger {
 public:
  explicit Merger(const model::Decoder& decoder) : weights_(decoder.weights()) {
    result_.spec = decoder.spec();
    for (const auto& slot : weights_.parameters()) {
      if (slot.base.value().defined()) result_.tensors[slot.base.name()] = slot.base.value();
    }
    for (const auto& slot : weights_.linears()) result_.tensors.try_emplace(slot.base.name() + ".weight", slot.turned(slot.base.weight()));
  }

  void add(const std::string& method, const plugin::FilledPoint& point) {
    switch (point.kind) {
      case PointKind::kVirtualTokens: return refusals_.add(method, "puts virtual tokens before every text", "");
      case PointKind::kPrefix: return refusals_.add(method, "gives every layer keys and values of its own", "");
      case PointKind::kTable: return add_table(method, static_cast<TablePatch&>(*point.patch));
      case PointKind::kWeight: return add_matrix(method, point.name, static_cast<WeightPatch&>(*point.patch));
      case PointKind::kParameter: return change(point.name, static_cast<ParameterPatch&>(*point.patch).forward());
    }
  }

  MergedModel finish() {
    refusals_.throw_if_any();
    std::sort(result_.changed.begin(), result_.changed.end());
    return std::move(result_);
  }

 private:
  void change(const std::string& name, const torch::Tensor& value) {
    const auto kept = result_.tensors.find(name);
    if (kept == result_.tensors.end() || !torch::equal(kept->second.to(value.scalar_type()), value)) result_.changed.push_back(name);
    result_.tensors[name] = value.detach();
  }

  void add_matrix(const std::string& method, const std::string& module, const WeightPatch& patch) {
    const auto& slots = weights_.linears();
    const auto at = std::find_if(slots.begin(), slots.end(), [&](const auto& slot) { return slot.base.name() == module; });
    TORCH_INTERNAL_ASSERT(at != slots.end(), module);
    const auto merged = patch.merged(at->base);
    if (!merged) return refusals_.add(method, "changes more than the weight of", module);
    if (merged->bias.defined() && at->bias == nullptr) {
      return refusals_.add(method, "adds a bias, which architecture " + result_.spec.shape.architecture + " lacks, to", module);
    }
    change(module + ".weight", at->turned(merged->weight));
    if (at->bias != nullptr) {
      change(module + ".bias", merged->bias.defined() ? merged->bias : torch::zeros_like(at->bias->base.value()));
    }
  }

  /// The head that a table patch makes of a tied one: since it is linear in the rows it is given, the rows of the unit matrix
  /// tell it whole. Undefined where it is not linear.
  torch::Tensor head_of(TablePatch& patch, const torch::Tensor& table) const {
    const auto options = table.options();
    const int64_t width = table.size(1), vocabulary = table.size(0);
    const auto nothing = patch.head(torch::zeros({1, width}, options), torch::zeros({1, vocabulary}, options));
    if (nothing.count_nonzero().item<int64_t>() != 0) return {};
    return patch.head(torch::eye(width, options), table.t()).t().contiguous();
  }

  void add_table(const std::string& method, TablePatch& patch) {
    const auto& names = result_.spec.names;
    const auto& table = weights_.embedding->base.value();
    const auto merged = patch.merged(table);
    if (!merged) return refusals_.add(method, "changes more than the rows of", names.embedding);
    change(names.embedding + ".weight", *merged);
    if (!result_.spec.shape.tied_head) return;
    const auto head = head_of(patch, table);
    if (!head.defined()) return refusals_.add(method, "changes the output head, tied to the table, in a way that no matrix holds:", names.embedding);
    if (torch::equal(head.to(merged->scalar_type()), *merged)) return;
    result_.spec.shape.tied_head = false;
    result_.untied_head = true;
    change(names.head + ".weight", head);
  }

  const model::Weights& weights_;
  MergedModel result_;
  Refusals refusals_{"cannot be merged", "use the adapter beside its model instead"};
};

torch::Tensor logits_of(const model::Decoder& decoder, const std::vector<int64_t>& ids) {
  const auto batch = model::make_batch({model::unlabelled(ids)}, /*share_beginning=*/false);
  return decoder.logits(decoder.hidden(batch)).to(torch::kCPU, torch::kFloat64);
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

}  // namespace

MergedModel merged_model(const model::Decoder& decoder, const MethodSet& methods) {
  torch::NoGradGuard no_grad;
  Merger merger(decoder);
  for (const auto& method : methods.methods) {
    for (const auto& point : method->filled()) merger.add(method->name(), point);
  }
  return merger.finish();
}

MergeCheck check_merged(model::Decoder& decoder, const model::Decoder& merged, const std::vector<std::vector<int64_t>>& prompts) {
  torch::NoGradGuard no_grad;
  MergeCheck check;
  for (const auto& ids : prompts) {
    const auto unmerged = logits_of(decoder, ids);
    check.largest_change = std::max(check.largest_change, largest(logits_of(merged, ids) - unmerged));
    check.largest_logit = std::max(check.largest_logit, largest(unmerged));
    check.num_tokens += static_cast<int64_t>(ids.size());
    const model::PatchesOff off(decoder);
    check.adapter_change = std::max(check.adapter_change, largest(logits_of(decoder, ids) - unmerged));
  }
  return check;
}

}  // namespace peftlab::lab
