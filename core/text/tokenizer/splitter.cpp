#include "core/text/tokenizer/splitter.h"

#include <algorithm>

#include "core/text/tokenizer/component.h"
#include "core/text/unicode.h"

namespace peftlab::text {

// https://github.com/openai/gpt-2/blob/master/src/encoder.py
const char* const kGpt2Regex = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

enum class Behavior { kIsolated, kRemoved, kContiguous, kMergedWithPrevious, kMergedWithNext };

struct Stretch {
  Range range;
  bool is_match;
};

using Finder = std::function<void(std::string_view, std::vector<Range>&)>;
using Test = bool (*)(char32_t);

Finder each_char(Test test) {
  return [test](std::string_view text, std::vector<Range>& found) {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      if (test(next_char(text, at))) found.push_back({begin, at});
    }
  };
}

// Matches and what lies between them, so that together they are the whole text.
void cover(const std::vector<Range>& found, size_t size, bool invert, std::vector<Stretch>& out) {
  size_t done = 0;
  for (const Range& match : found) {
    if (done < match.begin) out.push_back({{done, match.begin}, invert});
    out.push_back({match, !invert});
    done = match.end;
  }
  if (done < size) out.push_back({{done, size}, invert});
}

void merge_with_previous(const std::vector<Stretch>& all, std::vector<Range>& out) {
  bool previous = false;
  for (const Stretch& one : all) {
    if (one.is_match && !previous && !out.empty())
      out.back().end = one.range.end;
    else
      out.push_back(one.range);
    previous = one.is_match;
  }
}

void merge_with_next(const std::vector<Stretch>& all, std::vector<Range>& out) {
  bool next = false;
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    if (one->is_match && !next && !out.empty())
      out.back().begin = one->range.begin;
    else
      out.push_back(one->range);
    next = one->is_match;
  }
  std::reverse(out.begin(), out.end());
}

void arrange(const std::vector<Stretch>& all, Behavior behavior, std::vector<Range>& out) {
  if (behavior == Behavior::kMergedWithPrevious) return merge_with_previous(all, out);
  if (behavior == Behavior::kMergedWithNext) return merge_with_next(all, out);
  for (size_t i = 0; i < all.size(); ++i) {
    if (behavior == Behavior::kRemoved && all[i].is_match) continue;
    const bool joins = behavior == Behavior::kContiguous && i > 0 && all[i].is_match == all[i - 1].is_match;
    if (joins)
      out.back().end = all[i].range.end;
    else
      out.push_back(all[i].range);
  }
}

void split(Pieces& pieces, const Finder& find, Behavior behavior, bool invert) {
  std::vector<Range> made, found, arranged;
  std::vector<Stretch> stretches;
  for (const Range& piece : pieces.ranges) {
    found.clear(), stretches.clear(), arranged.clear();
    const auto text = std::string_view(pieces.text.text).substr(piece.begin, piece.end - piece.begin);
    find(text, found);
    cover(found, text.size(), invert, stretches);
    arrange(stretches, behavior, arranged);
    for (const Range& one : arranged)
      if (!one.empty()) made.push_back({piece.begin + one.begin, piece.begin + one.end});
  }
  pieces.ranges = std::move(made);
}

// Writes every piece anew with `change`; what lies between pieces goes.
void rewrite(Pieces& pieces, const std::function<void(Rewriter&, Range)>& change) {
  Rewriter out(pieces.text);
  std::vector<Range> made;
  made.reserve(pieces.ranges.size());
  for (const Range& piece : pieces.ranges) {
    const size_t begin = out.size();
    change(out, piece);
    made.push_back({begin, out.size()});
  }
  pieces.text = out.take();
  pieces.ranges = std::move(made);
}

void prefix_space(Pieces& pieces) {
  rewrite(pieces, [&](Rewriter& out, Range piece) {
    if (pieces.text.text[piece.begin] != ' ') out.put(" ", {piece.begin, piece.begin});
    out.keep(piece);
  });
}

void to_byte_characters(Pieces& pieces) {
  rewrite(pieces, [&](Rewriter& out, Range piece) {
    for (size_t i = piece.begin; i < piece.end; ++i)
      out.put(character_of_byte(static_cast<unsigned char>(pieces.text.text[i])), {i, i + 1});
  });
}

Splitter byte_level(const Component& part) {
  const bool with_prefix = part.flag("add_prefix_space", true);
  Finder find;
  if (part.flag("use_regex", true))
    find = [regex = Regex(kGpt2Regex, part.where())](std::string_view text, std::vector<Range>& found) {
      regex.find_all(text, found);
    };
  return [with_prefix, find](Pieces& pieces) {
    if (with_prefix) prefix_space(pieces);
    if (find) split(pieces, find, Behavior::kIsolated, /*invert=*/false);
    to_byte_characters(pieces);
  };
}

enum class Prepending { kNever, kFirst, kAlways };

Prepending prepending(const Component& part) {
  if (!part.has("prepend_scheme"))
    return part.flag("add_prefix_space", true) ? Prepending::kAlways : Prepending::kNever;
  const std::string name = part.text("prepend_scheme");
  if (name == "always") return Prepending::kAlways;
  if (name == "first") return Prepending::kFirst;
  if (name == "never") return Prepending::kNever;
  part.refuse("'prepend_scheme' is '" + name + "', expected first, never or always");
}

Splitter metaspace(const Component& part) {
  std::string mark;
  append_utf8(mark, part.character("replacement"));
  const auto find = [mark](std::string_view text, std::vector<Range>& found) {
    Pattern::literal(mark).find_all(text, found);
  };
  return [mark, find, scheme = prepending(part), cut = part.flag("split", true)](Pieces& pieces) {
    const std::string& text = pieces.text.text;
    rewrite(pieces, [&](Rewriter& out, Range piece) {
      const bool wanted =
          scheme == Prepending::kAlways || (scheme == Prepending::kFirst && pieces.text.at_start && piece.begin == 0);
      const bool there = text[piece.begin] == ' ' || text.compare(piece.begin, mark.size(), mark) == 0;
      if (wanted && !there) out.put(mark, {piece.begin, piece.begin});
      for (size_t i = piece.begin; i < piece.end; ++i) {
        if (text[i] == ' ')
          out.put(mark, {i, i + 1});
        else
          out.keep({i, i + 1});
      }
    });
    if (cut) split(pieces, find, Behavior::kMergedWithNext, /*invert=*/false);
  };
}

Behavior behavior_of(const Component& part, const char* fallback) {
  const std::string name = part.text("behavior", fallback);
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "Contiguous") return Behavior::kContiguous;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  part.refuse("'behavior' is '" + name +
              "', expected Isolated, Removed, Contiguous, MergedWithPrevious or MergedWithNext");
}

Splitter splitting(Finder find, Behavior behavior, bool invert = false) {
  return [find = std::move(find), behavior, invert](Pieces& pieces) { split(pieces, find, behavior, invert); };
}

bool is_word_sign(char32_t c) { return !is_word(c) && !is_white_space(c); }

// The runs of word characters and those of signs; what lies between them is dropped.
void words_and_signs(std::string_view text, std::vector<Range>& found) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_char(text, at);
    if (is_white_space(c)) continue;
    const Test test = is_word(c) ? is_word : is_word_sign;
    for (size_t next = at; next < text.size() && test(next_char(text, next));) at = next;
    found.push_back({begin, at});
  }
}

Splitter sequence(const Component& part) {
  std::vector<Splitter> all;
  for (const Component& inner : part.parts("pretokenizers")) all.push_back(make_splitter(inner.value(), inner.where()));
  return [all](Pieces& pieces) {
    for (const Splitter& one : all) one(pieces);
  };
}

}  // namespace

Splitter make_splitter(const nlohmann::json& given, const std::string& where) {
  if (given.is_null()) return [](Pieces&) {};
  const Component part(given, where);
  const std::string& type = part.type();
  if (type == "Sequence") return sequence(part);
  if (type == "ByteLevel") return byte_level(part);
  if (type == "Metaspace") return metaspace(part);
  if (type == "Split") {
    auto find = [pattern = part.pattern("pattern")](std::string_view text, std::vector<Range>& found) {
      pattern.find_all(text, found);
    };
    return splitting(std::move(find), behavior_of(part, "Isolated"), part.flag("invert", false));
  }
  if (type == "Digits")
    return splitting(each_char(is_numeric),
                     part.flag("individual_digits", false) ? Behavior::kIsolated : Behavior::kContiguous);
  if (type == "Punctuation") return splitting(each_char(is_punctuation), behavior_of(part, "Isolated"));
  if (type == "WhitespaceSplit") return splitting(each_char(is_white_space), Behavior::kRemoved);
  if (type == "Whitespace") return splitting(words_and_signs, Behavior::kRemoved, /*invert=*/true);
  part.refuse_type("pre-tokenizer", {"ByteLevel", "Split", "Metaspace", "Digits", "Whitespace", "WhitespaceSplit",
                                     "Punctuation", "Sequence"});
}

}  // namespace peftlab::text
