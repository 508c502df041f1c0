#include "peftlab/parts/ranked_update.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "peftlab/ops.h"

namespace peftlab {
namespace {

constexpr LowRankWords kWords = {.rank = "inner size of the products", .alpha_field = "alpha", .has_rslora = false};
constexpr Within kProbability = {.least = 0.0, .most = 1.0, .below = true};

torch::Tensor kept(int64_t count, double p, uint64_t salt, const torch::TensorOptions& like) {
  return (dropout(torch::ones({count}, like), p, salt) > 0).to(like.dtype().toScalarType());
}

}  // namespace

torch::Tensor RowDropout::mask(int64_t out, const torch::TensorOptions& like) const {
  auto mask = kept(out, rows, salt_of("rows") ^ salt, like);
  // The share that was in fact kept, as PEFT takes it; with no row left there is nothing to scale.
  if (scaled) mask = mask / mask.mean().clamp_min(1.0 / static_cast<double>(out));
  return module > 0.0 ? mask * kept(1, module, salt_of("module") ^ salt, like) : mask;
}

RankedUpdate::RankedUpdate(Options& options, bool may_scale) : size_(options, kWords), may_scale_(may_scale) {
  dropout_.rows = options.number("rank_dropout", 0.0, "probability of dropping a row of the update", kProbability);
  dropout_.scaled =
      !may_scale || options.flag("rank_dropout_scale", false, "scale the rows that are kept up for those dropped");
  dropout_.module =
      options.number("module_dropout", 0.0, "probability of dropping a module's whole update", kProbability);
}

RowDropout RankedUpdate::dropout(const std::string& module) const {
  RowDropout own = dropout_;
  own.salt = salt_of(module);
  return own;
}

void RankedUpdate::write(Fields& config) const {
  size_.write(config);
  config.set("rank_dropout", dropout_.rows);
  config.set("module_dropout", dropout_.module);
  if (may_scale_) config.set("rank_dropout_scale", dropout_.scaled);
  config.set("use_effective_conv2d", false);
}

std::vector<PeftName> RankedUpdate::fields(bool may_scale) {
  auto names = LowRankSize::fields(kWords);
  names.insert(names.end(), {{"rank_dropout", "rank_dropout"}, {"module_dropout", "module_dropout"}});
  if (may_scale) names.push_back({"rank_dropout_scale", "rank_dropout_scale"});
  return names;
}

}  // namespace peftlab
