#include "core/page/html.h"

#include <cstdint>

#include "core/io/utf8.h"

namespace peftlab::page {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// REQUIRES: `text` is UTF-8 and `at` begins a character.
size_t length_at(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/// Control characters (C0, DEL, C1) and the marks that turn the direction of writing (Unicode, UAX 9).
bool steers(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return (byte(0) < 0x20 && byte(0) != '\n' && byte(0) != '\t') || byte(0) == 0x7F;
  if (character.size() == 2) return (byte(0) == 0xC2 && byte(1) < 0xA0) || character == "\xD8\x9C";
  if (character.size() != 3 || byte(0) != 0xE2) return false;
  const uint32_t last = (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);  // of U+2000
  return last == 0x0E || last == 0x0F || (last >= 0x2A && last <= 0x2E) || (last >= 0x66 && last <= 0x69);
}

void add_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

std::string opened(const char* tag, const Attributes& attributes) {
  std::string markup = std::string("<") + tag;
  for (const auto& [name, value] : attributes) {
    markup += std::string(" ") + name + "=\"";
    add_escaped(markup, printable(value));
    markup += '"';
  }
  return markup;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto valid = text.substr(0, io::first_invalid_utf8(text));
    for (size_t at = 0; at < valid.size();) {
      const auto character = valid.substr(at, length_at(valid, at));
      shown += steers(character) ? kReplacement : character;
      at += character.size();
    }
    text.remove_prefix(valid.size());
    if (text.empty()) break;
    shown += kReplacement;
    text.remove_prefix(1);
  }
  return shown;
}

Html Html::text(std::string_view text) {
  Html html;
  add_escaped(html.markup_, printable(text));
  return html;
}

Html element(const char* tag, const Attributes& attributes, const Html& inner) {
  return Html(opened(tag, attributes) + ">" + inner.markup() + "</" + tag + ">");
}

Html element(const char* tag, const Attributes& attributes, std::string_view text) {
  return element(tag, attributes, Html::text(text));
}

Html element(const char* tag, const Html& inner) { return element(tag, {}, inner); }

Html element(const char* tag, std::string_view text) { return element(tag, {}, Html::text(text)); }

Html single(const char* tag, const Attributes& attributes) { return Html(opened(tag, attributes) + "/>"); }

}  // namespace peftlab::page
