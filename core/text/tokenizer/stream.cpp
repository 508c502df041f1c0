#include <utility>

#include "core/text/tokenizer.h"

namespace peftlab::text {

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string StreamDecoder::push(int64_t id) {
  ids_.push_back(id);
  const std::vector<int64_t> shown(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(num_shown_));
  const std::string before = tokenizer_.decode(shown, skip_special_);
  const std::string now = tokenizer_.decode(ids_, skip_special_);
  // U+FFFD at the end may be the beginning of a character.
  if (now.size() <= before.size() || now.ends_with("\xEF\xBF\xBD") || !now.starts_with(before)) return "";
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(num_shown_));
  num_shown_ = ids_.size();
  return now.substr(before.size());
}

std::string StreamDecoder::finish() {
  const std::vector<int64_t> shown(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(num_shown_));
  const std::string before = tokenizer_.decode(shown, skip_special_);
  const std::string now = tokenizer_.decode(ids_, skip_special_);
  ids_.clear();
  num_shown_ = 0;
  return now.starts_with(before) ? now.substr(before.size()) : "";
}

}  // namespace peftlab::text
