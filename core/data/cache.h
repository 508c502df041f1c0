// Tokenised data kept between runs, under a key that changes with everything it was made from.
#pragma once

#include <filesystem>
#include <string>

#include "core/data/chat_format.h"
#include "core/data/dataset.h"
#include "core/data/example.h"

namespace peftlab::data {

/// Raised whenever the same inputs give other examples.
inline constexpr int kExamplesVersion = 1;

/// SHA-256 over the hashes of source bytes, task, conversations and chat format, the split's name, the options, and
/// kExamplesVersion.
std::string cache_key(const Task& task, const Dataset& dataset, const std::string& split, const ChatFormat& format,
                      const ExampleOptions& options);

struct CachedExamples {
  ExampleSet set;
  bool hit = false;
  std::string about;  // "hit: <path>", "miss: …" with the reason; "off" without a folder
};

/// The split's examples, read from `folder`/<key>.examples if that file is whole, else made and written there. An empty `folder`
/// turns the cache off. A file that is damaged or not ours is made anew; one that can not be written is told of in `about`, and
/// is no failure. Throws what make_examples throws.
CachedExamples cached_examples(const std::filesystem::path& folder, const Task& task, const Dataset& dataset,
                               const std::string& split, const ChatFormat& format, const ExampleOptions& options = {});

/// The bytes of a cache file, and back. Reading throws ConfigError for bytes that are not whole or carry another key.
std::string pack_examples(const ExampleSet& set, const std::string& key);
ExampleSet unpack_examples(std::string_view bytes, const std::string& key);

}  // namespace peftlab::data
