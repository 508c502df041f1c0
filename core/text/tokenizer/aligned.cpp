#include "core/text/tokenizer/aligned.h"

#include <algorithm>

namespace peftlab::text {

AlignedText AlignedText::of(std::string_view text, size_t base, bool tracked) {
  AlignedText made;
  made.text = text;
  made.base = static_cast<uint32_t>(base);
  made.at_start = base == 0;
  made.tracked = tracked;
  if (!tracked) return made;
  made.sources.resize(text.size());
  for (uint32_t i = 0; i < made.sources.size(); ++i) made.sources[i] = {made.base + i, made.base + i + 1};
  return made;
}

AlignedText AlignedText::slice(Range range) const {
  AlignedText made;
  made.text = text.substr(range.begin, range.end - range.begin);
  made.at_start = at_start && range.begin == 0;
  made.tracked = tracked;
  if (!tracked) return made;
  made.base = static_cast<uint32_t>(source({range.begin, range.begin}).begin);
  made.sources.assign(sources.begin() + static_cast<ptrdiff_t>(range.begin),
                      sources.begin() + static_cast<ptrdiff_t>(range.end));
  return made;
}

Range AlignedText::source(Range range) const {
  if (sources.empty()) return {base, base};
  if (range.empty()) {
    const size_t at = range.begin < sources.size() ? sources[range.begin].begin : sources.back().end;
    return {at, at};
  }
  return {sources[range.begin].begin, std::max(sources[range.begin].begin, sources[range.end - 1].end)};
}

Rewriter::Rewriter(const AlignedText& from) : from_(from) {
  to_.base = from.base;
  to_.at_start = from.at_start;
  to_.tracked = from.tracked;
  to_.text.reserve(from.text.size() + from.text.size() / 4 + 8);
}

void Rewriter::keep(Range range) {
  to_.text.append(from_.text, range.begin, range.end - range.begin);
  if (!from_.tracked) return;
  const auto begin = from_.sources.begin();
  to_.sources.insert(to_.sources.end(), begin + static_cast<ptrdiff_t>(range.begin),
                     begin + static_cast<ptrdiff_t>(range.end));
}

void Rewriter::put(std::string_view bytes, Range range) {
  to_.text += bytes;
  if (!from_.tracked) return;
  const Range source = from_.source(range);
  to_.sources.insert(to_.sources.end(), bytes.size(),
                     {static_cast<uint32_t>(source.begin), static_cast<uint32_t>(source.end)});
}

}  // namespace peftlab::text
