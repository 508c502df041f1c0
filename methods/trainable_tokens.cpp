// Trainable tokens: rows of the embedding table that are trained while the rest stays frozen, for tokens that are new
// or used anew (https://huggingface.co/docs/peft/package_reference/trainable_tokens).
//
//   E[i] <- r_k for the chosen ids i = ids[k],   r: (k, C)
//
// A head that is tied to the table follows. The rows start as the table's, so the model equals the base model before
// the first step.

#include <torch/types.h>
#include <torch/utils.h>

#include <limits>

#include "peftlab/method.h"
#include "peftlab/peft.h"
#include "peftlab/parts/starts.h"
#include "peftlab/parts/token_rows.h"

namespace {

using peftlab::Fields;
using peftlab::Tensors;

constexpr const char* kType = "TRAINABLE_TOKENS";
constexpr int64_t kNotIntegers = std::numeric_limits<int64_t>::min();  // stands for a value that was refused already

class TrainableTokens final : public peftlab::Method {
 public:
  explicit TrainableTokens(peftlab::Options& options)
      : ids_(options.integers("token_ids", {kNotIntegers}, "ids of the tokens whose rows are trained")),
        random_(options.flag("random", false, "start from N(0, 1) instead of the table's rows: not as the base model")),
        target_(options.any("target", "the embedding table's module name, where it is to be checked")) {
    const bool told = options.has("token_ids") && ids_ == std::vector<int64_t>{kNotIntegers};
    if (told || peftlab::token_ids_in(peftlab::List(ids_.begin(), ids_.end()))) return;
    options.mistake("token_ids", "expected a list of distinct ids from 0: the tokens whose rows are trained");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    peftlab::check_token_ids(ids_, points, "token_ids");
    module_ = peftlab::table_module(points);
    check_target();
    tied_ = points.shape().tied_head;
    const auto table = peftlab::kept_table(points);
    const auto chosen = table.index_select(0, torch::tensor(ids_, torch::kInt64).to(table.device()));  // (k, C)
    const auto rows = random_
                          ? peftlab::Starts(points, loaded != nullptr).normal(module_ + ".rows", chosen.sizes(), 1.0)
                          : chosen.to(points.trainable_type());
    points.fill_table(std::make_shared<peftlab::TokenRows>(ids_, rows, /*nested=*/false));
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields(kType);
    config.set("token_indices", peftlab::List(ids_.begin(), ids_.end()));
    config.set("target_modules", module_);
    config.set("init_weights", !random_);
    return config;
  }

  // PEFT writes the rows again for a head that is tied to the table.
  Tensors to_peft(Tensors named) const override {
    if (tied_) named.emplace(kHead, named.at(own()));
    return named;
  }

  Tensors from_peft(Tensors saved) const override {
    const auto head = saved.find(kHead), rows = saved.find(own());
    if (!tied_ || head == saved.end()) return saved;
    if (rows != saved.end() && !torch::equal(head->second, rows->second)) {
      throw peftlab::ConfigError(std::string("tensor '") + kHead + "' differs from '" + own() +
                                 "', to which the head is tied; expected the same rows");
    }
    saved.erase(head);
    return saved;
  }

 private:
  static constexpr const char* kHead = "base_model.model.lm_head.trainable_tokens_delta";
  std::string own() const { return "base_model.model." + module_ + ".trainable_tokens_delta"; }

  void check_target() const {
    if (target_.is_null()) return;
    const auto names = target_.is_text() ? std::vector<std::string>{target_.text()} : target_.texts();
    if (names.size() == 1 && peftlab::is_named(module_, names)) return;
    throw peftlab::ConfigError("target: rows are trained of the embedding table alone; expected '" + module_ + "'");
  }

  std::vector<int64_t> ids_;
  bool random_;
  peftlab::Value target_;
  std::string module_;
  bool tied_ = false;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  const auto* type = config.find("peft_type");
  if (type == nullptr || !type->is_text() || type->text() != kType) return std::nullopt;
  // `target_modules` names the table, and `init_weights` false is what `random` is: neither is an option of that name
  // here.
  Fields rest, options;
  for (const auto& [field, value] : config.items()) {
    if (field == "target_modules")
      options.set("target", value);
    else if (field == "init_weights")
      options.set("random", !value.is_null() && !value.boolean());
    else
      rest.set(field, value);
  }
  const auto read = peftlab::options_from_peft_fields(rest, {{"token_indices", "token_ids"}}, {});
  for (const auto& [name, value] : read.items()) options.set(name, value);
  return options;
}

}  // namespace

PEFTLAB_METHOD(TrainableTokens, "trainable_tokens", "chosen rows of the embedding table",
               "https://huggingface.co/docs/peft/package_reference/trainable_tokens", true, from_peft_config)
