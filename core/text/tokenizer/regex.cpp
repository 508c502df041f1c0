#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/tokenizer/regex.h"

#include <pcre2.h>

#include <new>

#include "core/text/unicode.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

// Steps of one search: a run of a million spaces needs one step a character, nested repetition needs 2^n.
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr uint32_t kHeapLimitKibibytes = 256 * 1024;
constexpr size_t kJitStackBytes = size_t{8} << 20;
constexpr size_t kPatternLimitBytes = size_t{1} << 16;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;

// What a search writes to: one a thread.
struct Scratch {
  Owned<pcre2_match_data, pcre2_match_data_free> data{pcre2_match_data_create(1, nullptr)};
  Owned<pcre2_match_context, pcre2_match_context_free> context{pcre2_match_context_create(nullptr)};
  Owned<pcre2_jit_stack, pcre2_jit_stack_free> stack{pcre2_jit_stack_create(size_t{32} << 10, kJitStackBytes, nullptr)};

  Scratch() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKibibytes);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

Scratch& scratch() {
  thread_local Scratch made;
  return made;
}

std::string message_of(int error) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Regex::Compiled {
  std::string pattern, where;
  Owned<pcre2_code, pcre2_code_free> code;
};

Regex::Regex(const std::string& pattern, std::string where) {
  if (pattern.size() > kPatternLimitBytes)
    throw ConfigError(where + ": a regular expression of " + std::to_string(pattern.size()) + " bytes; at most " +
                      std::to_string(kPatternLimitBytes) + " are read");
  const std::string translated = to_pcre2(pattern, where);
  const Owned<pcre2_compile_context, pcre2_compile_context_free> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // MULTILINE: in Ruby's syntax ^ and $ always look at lines.
  auto* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset, context.get());
  if (code == nullptr)
    throw ConfigError(where + ": the regular expression '" + pattern + "' is refused: " + message_of(error));
  auto compiled = std::make_shared<Compiled>();
  compiled->pattern = pattern;
  compiled->where = std::move(where);
  compiled->code.reset(code);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without it the search is the same, only slower
  compiled_ = std::move(compiled);
}

void Regex::find_all(std::string_view subject, std::vector<Range>& found) const {
  Scratch& at = scratch();
  const auto* text = reinterpret_cast<PCRE2_SPTR>(subject.data());
  size_t from = 0;
  size_t last_end = std::string_view::npos;
  while (from <= subject.size()) {
    const int result = pcre2_match(compiled_->code.get(), text, subject.size(), from, PCRE2_NO_UTF_CHECK, at.data.get(),
                                   at.context.get());
    if (result == PCRE2_ERROR_NOMATCH) return;
    if (result < 0)
      throw ConfigError(compiled_->where + ": the regular expression '" + compiled_->pattern + "' fails on a text of " +
                        std::to_string(subject.size()) + " bytes: " + message_of(result));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(at.data.get());
    const Range match{ends[0], ends[1]};
    if (match.empty() && match.end == last_end) {
      if (from >= subject.size()) return;
      next_char(subject, from);
      continue;
    }
    found.push_back(match);
    from = last_end = match.end;
  }
}

Pattern Pattern::regex(const std::string& pattern, std::string where) {
  Pattern made;
  made.regex_.emplace(pattern, std::move(where));
  return made;
}

Pattern Pattern::literal(std::string text) {
  Pattern made;
  made.literal_ = std::move(text);
  return made;
}

void Pattern::find_all(std::string_view subject, std::vector<Range>& found) const {
  if (regex_) return regex_->find_all(subject, found);
  if (literal_.empty()) return;
  for (size_t at = subject.find(literal_); at != std::string_view::npos;
       at = subject.find(literal_, at + literal_.size()))
    found.push_back({at, at + literal_.size()});
}

}  // namespace peftlab::text
