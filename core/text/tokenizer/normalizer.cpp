#include "core/text/tokenizer/normalizer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/text/tokenizer/component.h"
#include "core/text/unicode.h"

namespace peftlab::text {

namespace {

// Writes `changed` for source[range]; what both begin and end with keeps its own alignment.
void put_changed(Rewriter& out, std::string_view source, Range range, std::string_view changed) {
  const std::string_view before = source.substr(range.begin, range.end - range.begin);
  if (before == changed) return out.keep(range);
  const auto is_inside = [](std::string_view s, size_t i) { return i < s.size() && (s[i] & 0xC0) == 0x80; };
  const size_t shorter = std::min(before.size(), changed.size());
  size_t head = 0;
  while (head < shorter && before[head] == changed[head]) ++head;
  while (head > 0 && (is_inside(before, head) || is_inside(changed, head))) --head;
  size_t tail = 0;
  while (tail < shorter - head && before[before.size() - 1 - tail] == changed[changed.size() - 1 - tail]) ++tail;
  while (tail > 0 && is_inside(before, before.size() - tail)) --tail;
  out.keep({range.begin, range.begin + head});
  out.put(changed.substr(head, changed.size() - head - tail), {range.begin + head, range.end - tail});
  out.keep({range.end - tail, range.end});
}

// One stretch after another that can be normalised alone, so that positions stay known.
void to_normal_form(AlignedText& in, NormalForm form) {
  const std::string_view text = in.text;
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return;
  if (normal_form(text, form) == text) return;
  Rewriter out(in);
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    next_char(text, end);
    for (size_t next = end; end < text.size(); end = next)
      if (starts_normal_form(next_char(text, next))) break;
    const Range range{begin, end};
    const bool ascii = end - begin == 1;
    if (ascii)
      out.keep(range);
    else
      put_changed(out, text, range, normal_form(text.substr(begin, end - begin), form));
    begin = end;
  }
  in = out.take();
}

// `change` appends what stands for a character, if anything.
void each_character(AlignedText& in, const std::function<void(std::string&, char32_t)>& change) {
  Rewriter out(in);
  std::string made;
  for (size_t at = 0; at < in.text.size();) {
    const size_t begin = at;
    const char32_t c = next_char(in.text, at);
    made.clear();
    change(made, c);
    out.put(made, {begin, at});
  }
  in = out.take();
}

void strip(AlignedText& in, bool left, bool right) {
  Range kept{0, in.text.size()};
  size_t last_end = 0;
  bool seen = false;
  for (size_t at = 0; at < in.text.size();) {
    const size_t begin = at;
    if (is_white_space(next_char(in.text, at))) continue;
    if (!seen && left) kept.begin = begin;
    seen = true;
    last_end = at;
  }
  if (!seen && (left || right))
    kept = {0, 0};
  else if (right)
    kept.end = last_end;
  in = in.slice(kept);
}

void replace(AlignedText& in, const Pattern& pattern, const std::string& content) {
  std::vector<Range> found;
  pattern.find_all(in.text, found);
  if (found.empty()) return;
  Rewriter out(in);
  size_t done = 0;
  for (const Range& match : found) {
    out.keep({done, match.begin});
    out.put(content, match);
    done = match.end;
  }
  out.keep({done, in.text.size()});
  in = out.take();
}

void prepend(AlignedText& in, const std::string& content) {
  if (in.text.empty()) return;
  Rewriter out(in);
  out.put(content, {0, 0});
  out.keep({0, in.text.size()});
  in = out.take();
}

std::optional<NormalForm> normal_form_named(const std::string& name) {
  if (name == "NFC") return NormalForm::kNfc;
  if (name == "NFD") return NormalForm::kNfd;
  if (name == "NFKC") return NormalForm::kNfkc;
  if (name == "NFKD") return NormalForm::kNfkd;
  return std::nullopt;
}

Normalizer sequence(const Component& part) {
  std::vector<Normalizer> all;
  for (const Component& inner : part.parts("normalizers")) all.push_back(make_normalizer(inner.value(), inner.where()));
  return [all](AlignedText& text) {
    for (const Normalizer& one : all) one(text);
  };
}

}  // namespace

Normalizer make_normalizer(const nlohmann::json& given, const std::string& where) {
  if (given.is_null()) return [](AlignedText&) {};
  const Component part(given, where);
  const std::string& type = part.type();
  if (const auto form = normal_form_named(type)) return [form](AlignedText& text) { to_normal_form(text, *form); };
  if (type == "Sequence") return sequence(part);
  if (type == "Lowercase") return [](AlignedText& text) { each_character(text, append_lower); };
  if (type == "StripAccents")
    return [](AlignedText& text) {
      each_character(text, [](std::string& out, char32_t c) {
        if (!is_mark(c)) append_utf8(out, c);
      });
    };
  if (type == "Strip")
    return [left = part.flag("strip_left", true), right = part.flag("strip_right", true)](AlignedText& text) {
      strip(text, left, right);
    };
  if (type == "Replace")
    return [pattern = part.pattern("pattern"), content = part.text("content")](AlignedText& text) {
      replace(text, pattern, content);
    };
  if (type == "Prepend") return [content = part.text("prepend")](AlignedText& text) { prepend(text, content); };
  part.refuse_type("normalizer", {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Replace",
                                  "Prepend", "Sequence"});
}

}  // namespace peftlab::text
