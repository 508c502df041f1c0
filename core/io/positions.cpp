#include "core/io/positions.h"

#include <algorithm>

#include "core/io/json_scanner.h"

namespace peftlab::io {
namespace {

std::size_t count_characters(std::string_view text) {
  constexpr unsigned kMark = 0xC0, kContinuation = 0x80;
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & kMark) != kContinuation; }));
}

}  // namespace

Lines::Lines(std::string_view text) : text_(text), starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts_.push_back(i + 1);
  }
}

Place Lines::at(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  const std::size_t start = *(after - 1);
  return {static_cast<std::size_t>(after - starts_.begin()), count_characters(text_.substr(start, offset - start)) + 1};
}

Place Positions::of(std::string pointer) const {
  if (!lines_) {
    lines_.emplace(text_);
    scan_json(text_, [this](const std::string& at, std::size_t offset) { offsets_.emplace(at, offset); });
  }
  while (true) {
    if (const auto found = offsets_.find(pointer); found != offsets_.end()) return lines_->at(found->second);
    const auto slash = pointer.rfind('/');
    if (slash == std::string::npos) return lines_->at(0);
    pointer.resize(slash);
  }
}

}  // namespace peftlab::io
