#include "core/data/cache.h"

#include <algorithm>
#include <cstring>

#include "core/io/files.h"

namespace peftlab::data {
namespace {

// The file: magic, key, SHA-256 of the payload (both 64 hexadecimal digits), payload; integers little-endian.
constexpr std::string_view kMagic = "peftlab examples\n";
constexpr size_t kDigits = 64;
constexpr uint64_t kCacheLimitBytes = uint64_t{8} << 30;

class Writer {
 public:
  void number(int64_t value) {
    auto bits = static_cast<uint64_t>(value);
    for (size_t i = 0; i < sizeof bits; ++i, bits >>= 8) bytes_ += static_cast<char>(bits & 0xFF);
  }
  void numbers(const std::vector<int64_t>& values) {
    number(static_cast<int64_t>(values.size()));
    for (const int64_t value : values) number(value);
  }
  void text(std::string_view text) {
    number(static_cast<int64_t>(text.size()));
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  int64_t number() {
    need(sizeof(uint64_t));
    uint64_t bits = 0;
    for (size_t i = sizeof bits; i-- > 0;) bits = (bits << 8) | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(sizeof bits);
    return static_cast<int64_t>(bits);
  }
  std::vector<int64_t> numbers() {
    std::vector<int64_t> values(count(sizeof(uint64_t)));
    for (int64_t& value : values) value = number();
    return values;
  }
  std::string text() {
    const size_t size = count(1);
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  /// A count of things of at least `least_bytes` each, checked before anything is allocated for them.
  size_t count(size_t least_bytes) {
    const int64_t value = number();
    if (value < 0 || static_cast<uint64_t>(value) > bytes_.size() / least_bytes) throw ConfigError("a count is larger than the file");
    return static_cast<size_t>(value);
  }
  bool at_end() const { return bytes_.empty(); }

 private:
  void need(size_t size) const {
    if (bytes_.size() < size) throw ConfigError("it ends too early");
  }
  std::string_view bytes_;
};

Example read_example(Reader& reader) {
  Example example;
  example.ids = reader.numbers();
  const std::string trained = reader.text();
  example.trained.assign(trained.begin(), trained.end());
  example.prompt = reader.numbers();
  example.prompt_length = reader.number();
  example.full_length = reader.number();
  example.row = reader.number();
  example.reference = reader.text();
  if (example.trained.size() != example.ids.size()) throw ConfigError("an example's ids and marks differ in length");
  return example;
}

void write_example(Writer& writer, const Example& example) {
  writer.numbers(example.ids);
  writer.text({reinterpret_cast<const char*>(example.trained.data()), example.trained.size()});
  writer.numbers(example.prompt);
  writer.number(example.prompt_length);
  writer.number(example.full_length);
  writer.number(example.row);
  writer.text(example.reference);
}

}  // namespace

std::string cache_key(const Task& task, const Dataset& dataset, const std::string& split, const ChatFormat& format,
                      const ExampleOptions& options) {
  const Json inputs = {{"version", kExamplesVersion},
                       {"source", dataset.source_sha256},
                       {"task", task.hash},
                       {"conversations", dataset.hash},
                       {"split", split},
                       {"format", format.hash()},
                       {"max_length", options.max_length},
                       {"train_on", options.train_on == TrainOn::all ? "all" : "answer"}};
  return io::sha256_hex(inputs.dump());
}

std::string pack_examples(const ExampleSet& set, const std::string& key) {
  Writer writer;
  writer.numbers(set.end_of_turn);
  for (const int64_t value : {set.num_truncated, set.num_seam_mismatches, set.num_ends_added}) writer.number(value);
  writer.number(static_cast<int64_t>(set.examples.size()));
  for (const Example& example : set.examples) write_example(writer, example);
  const std::string payload = writer.take();
  return std::string(kMagic) + key + io::sha256_hex(payload) + payload;
}

ExampleSet unpack_examples(std::string_view bytes, const std::string& key) {
  const size_t head = kMagic.size() + 2 * kDigits;
  if (bytes.size() < head || bytes.substr(0, kMagic.size()) != kMagic) throw ConfigError("it is no file of examples");
  if (bytes.substr(kMagic.size(), kDigits) != key) throw ConfigError("it was made from other inputs");
  const std::string_view payload = bytes.substr(head);
  if (io::sha256_hex(payload) != bytes.substr(kMagic.size() + kDigits, kDigits)) throw ConfigError("its bytes were changed");
  Reader reader(payload);
  ExampleSet set;
  set.end_of_turn = reader.numbers();
  set.num_truncated = reader.number();
  set.num_seam_mismatches = reader.number();
  set.num_ends_added = reader.number();
  constexpr size_t kLeastExample = 7 * sizeof(uint64_t);
  const size_t num_examples = reader.count(kLeastExample);
  set.examples.reserve(num_examples);
  for (size_t i = 0; i < num_examples; ++i) set.examples.push_back(read_example(reader));
  if (!reader.at_end()) throw ConfigError("it goes on behind its end");
  return set;
}

CachedExamples cached_examples(const std::filesystem::path& folder, const Task& task, const Dataset& dataset,
                               const std::string& split, const ChatFormat& format, const ExampleOptions& options) {
  const auto& conversations = dataset.split(split);
  if (folder.empty()) return {make_examples(conversations, format, options), false, "off"};
  const std::string key = cache_key(task, dataset, split, format, options);
  const auto path = folder / (key + ".examples");
  std::string about = "miss: made and kept as " + path.string();
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    try {
      return {unpack_examples(io::read_file(path, kCacheLimitBytes), key), true, "hit: " + path.string()};
    } catch (const ConfigError& damage) {
      about = "miss: " + path.string() + " was damaged (" + damage.what() + ") and made anew";
    }
  }
  CachedExamples result{make_examples(conversations, format, options), false, about};
  try {
    std::filesystem::create_directories(folder, error);
    io::write_file(path, pack_examples(result.set, key));
  } catch (const RunError& failure) {
    result.about = std::string("miss: made, but not kept: ") + failure.what();
  }
  return result;
}

}  // namespace peftlab::data
