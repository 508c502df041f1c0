#include "core/text/tokenizer/decoder.h"

#include <algorithm>
#include <charconv>

#include "core/io/utf8.h"
#include "core/text/tokenizer/component.h"
#include "core/text/tokenizer/splitter.h"
#include "core/text/unicode.h"

namespace peftlab::text {

namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

// False, and nothing appended, when a character of the token stands for no byte.
bool append_bytes(const std::string& token, std::string& out) {
  const size_t before = out.size();
  for (size_t at = 0; at < token.size();) {
    const int byte = byte_of_character(next_char(token, at));
    if (byte < 0) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(byte));
  }
  return true;
}

void byte_level(std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens)
    if (!append_bytes(token, bytes)) bytes += token;
  tokens = {lossy_utf8(bytes)};
}

// The byte that "<0x0A>" names, or -1.
int byte_named(const std::string& token) {
  if (token.size() != 6 || token.compare(0, 3, "<0x") != 0 || token.back() != '>') return -1;
  int byte = -1;
  const auto result = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return result.ptr == token.data() + 5 && byte >= 0 ? byte : -1;
}

// A run of byte tokens is text when it is UTF-8 as a whole; otherwise each byte becomes U+FFFD.
void byte_fallback(std::vector<std::string>& tokens) {
  std::vector<std::string> made;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (io::is_utf8(run))
      made.push_back(run);
    else
      made.insert(made.end(), run.size(), kReplacement);
    run.clear();
  };
  for (std::string& token : tokens) {
    const int byte = byte_named(token);
    if (byte >= 0) {
      run.push_back(static_cast<char>(byte));
      continue;
    }
    flush();
    made.push_back(std::move(token));
  }
  flush();
  tokens = std::move(made);
}

void fuse(std::vector<std::string>& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens = {std::move(all)};
}

std::string replaced(const std::string& token, const Pattern& pattern, const std::string& content) {
  std::vector<Range> found;
  pattern.find_all(token, found);
  if (found.empty()) return token;
  std::string made;
  size_t done = 0;
  for (const Range& match : found) {
    made.append(token, done, match.begin - done);
    made += content;
    done = match.end;
  }
  return made.append(token, done);
}

// Takes off up to `start` and `stop` times `content`, which is one character, so that cuts fall between characters.
std::string stripped(const std::string& token, const std::string& content, size_t start, size_t stop) {
  std::string_view left(token);
  for (; start > 0 && left.starts_with(content); --start) left.remove_prefix(content.size());
  for (; stop > 0 && left.ends_with(content); --stop) left.remove_suffix(content.size());
  return std::string(left);
}

void metaspace(std::vector<std::string>& tokens, const std::string& mark, bool prepended) {
  const Pattern pattern = Pattern::literal(mark);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = replaced(tokens[i], pattern, i == 0 && prepended ? "" : " ");
}

Decoder metaspace_decoder(const Component& part) {
  std::string mark;
  append_utf8(mark, part.character("replacement"));
  const std::string scheme = part.text("prepend_scheme", part.flag("add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    part.refuse("'prepend_scheme' is '" + scheme + "', expected first, never or always");
  return
      [mark, prepended = scheme != "never"](std::vector<std::string>& tokens) { metaspace(tokens, mark, prepended); };
}

Decoder each_token(std::function<std::string(const std::string&)> change) {
  return [change = std::move(change)](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) token = change(token);
  };
}

Decoder strip_decoder(const Component& part) {
  std::string content;
  append_utf8(content, part.character("content"));
  return each_token([content, start = part.count("start"), stop = part.count("stop")](const std::string& token) {
    return stripped(token, content, start, stop);
  });
}

Decoder sequence(const Component& part) {
  std::vector<Decoder> all;
  for (const Component& inner : part.parts("decoders")) all.push_back(make_decoder(inner.value(), inner.where()));
  return [all](std::vector<std::string>& tokens) {
    for (const Decoder& one : all) one(tokens);
  };
}

void join_with_spaces(std::vector<std::string>& tokens) {
  for (size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, " ");
}

}  // namespace

Decoder make_decoder(const nlohmann::json& given, const std::string& where) {
  if (given.is_null()) return join_with_spaces;
  const Component part(given, where);
  const std::string& type = part.type();
  if (type == "Sequence") return sequence(part);
  if (type == "ByteLevel") return byte_level;
  if (type == "ByteFallback") return byte_fallback;
  if (type == "Fuse") return fuse;
  if (type == "Metaspace") return metaspace_decoder(part);
  if (type == "Strip") return strip_decoder(part);
  if (type == "Replace")
    return each_token([pattern = part.pattern("pattern"), content = part.text("content")](const std::string& token) {
      return replaced(token, pattern, content);
    });
  part.refuse_type("decoder", {"ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace", "Sequence"});
}

}  // namespace peftlab::text
