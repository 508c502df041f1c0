// Everything that is measured of a model on a task: the base model and the tuned one go through the same.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/evaluate/task_score.h"
#include "core/io/json.h"
#include "core/lab/display.h"
#include "core/lab/workload.h"

namespace peftlab::lab {

struct FreeAnswer {
  std::string prompt;
  std::string text;
};

struct Assessment {
  std::map<std::string, evaluate::TaskScore> splits;
  std::vector<FreeAnswer> free_answers;
  int64_t peak_memory_bytes = 0;

  io::Json to_json() const;
  /// Throws ConfigError "<where>: ..." for JSON of another form.
  static Assessment from_json(const io::Json& json, const std::string& where);
};

/// What an assessment needs beside the decoder.
struct Assessor {
  const Experiment& experiment;
  const Workload& work;
  const text::Tokenizer& tokenizer;
  const data::ChatFormat& format;
  Display& display;
  std::function<bool()> cancelled;

  /// Answers of the splits the experiment evaluates, and the free answers. `title` begins the phase shown.
  Assessment operator()(const model::Decoder& decoder, const std::string& title) const;
  evaluate::GenerateOptions generate_options() const;
  /// Throws ConfigError where an example, or a prompt and its answer, does not fit into the positions that the decoder has
  /// learned, behind its virtual tokens: told before the first step and not after the last.
  void check_lengths(const model::Decoder& decoder) const;
};

/// The first `limit` examples, or all.
std::vector<data::Example> limited(const std::vector<data::Example>& examples, const std::optional<int64_t>& limit);

/// The base model's assessment, read from the cache where the same items were answered before by the same model, type,
/// template, data and decoding, else made and kept. REQUIRES: the decoder's patches are off.
Assessment assess_base(const Assessor& assessor, const model::Decoder& decoder, const std::string& key, std::string& about);

}  // namespace peftlab::lab
