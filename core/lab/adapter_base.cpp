#include "core/lab/adapter_base.h"

#include "core/lab/method_set.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownDigits = 12;  // of a hash: enough to tell models apart, and to find one in run.json

/// What is wrong, "" where nothing is. `way`: how to use the adapter all the same.
std::string wrong_base(const fs::path& adapter, const fs::path& base, const std::function<std::string()>& hash,
                       const std::string& way) {
  const auto expected = plugin::trained_on(adapter);
  if (!expected) return "";
  const std::string got = hash();
  if (got == expected->sha256) return "";
  return adapter.string() + ": the base model " + base.string() + " has the hash " + got.substr(0, kShownDigits) +
         ", expected the one that the adapter was trained on, '" + expected->name + "' of hash " +
         expected->sha256.substr(0, kShownDigits) +
         "; take that model, or, if this one holds the same weights in another form, " + way;
}

}  // namespace

void check_base(const fs::path& path, const model::WeightSource& base) {
  std::string known;  // the hash of several adapters' one base is computed once
  const auto hash = [&] { return known.empty() ? known = base.hash() : known; };
  for (const auto& adapter : adapter_folders(path)) {
    const auto wrong = wrong_base(adapter, base.path(), hash, "add --other-base");
    if (!wrong.empty()) throw ConfigError(wrong);
  }
}

void check_base(const Experiment& experiment, const fs::path& base, const std::function<std::string()>& hash) {
  if (experiment.adapter.empty() || experiment.other_base) return;
  const auto wrong = wrong_base(experiment.adapter, base, hash, "set \"other_base\": true");
  if (!wrong.empty()) throw ConfigError(experiment.document.where("/adapter") + ": /adapter: " + wrong);
}

}  // namespace peftlab::lab
