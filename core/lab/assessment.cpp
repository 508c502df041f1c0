#include "core/lab/assessment.h"

#include "core/io/files.h"
#include "core/io/sha256.h"
#include "core/lab/machine.h"
#include "core/lab/places.h"

namespace peftlab::lab {
namespace {

io::Json prediction_json(const evaluate::Prediction& p) {
  return {{"row", p.row}, {"reference", p.reference}, {"text", p.text}, {"score", p.score}, {"reason", p.reason}, {"ended", p.ended}};
}

io::Json score_json(const evaluate::TaskScore& score) {
  io::Json predictions = io::Json::array();
  for (const auto& p : score.predictions) predictions.push_back(prediction_json(p));
  return {{"mean", score.mean}, {"num_items", score.num_items}, {"num_generated", score.num_generated},
          {"seconds", score.seconds}, {"predictions", predictions}};
}

evaluate::TaskScore score_from(const io::Json& json) {
  evaluate::TaskScore score;
  json.at("mean").get_to(score.mean);
  json.at("num_items").get_to(score.num_items);
  json.at("num_generated").get_to(score.num_generated);
  json.at("seconds").get_to(score.seconds);
  for (const auto& p : json.at("predictions")) {
    score.predictions.push_back({p.at("row"), p.at("reference"), p.at("text"), p.at("score"), p.at("reason"), p.at("ended")});
  }
  return score;
}

std::optional<int64_t> limit_of(const evaluate::Settings& settings, const std::string& split) {
  if (split == "dev") return settings.max_dev_items;
  return split == "test" ? settings.max_test_items : std::nullopt;
}

std::vector<FreeAnswer> free_answers(const Assessor& a, const model::Decoder& decoder) {
  const auto& questions = a.experiment.evaluate.free_prompts;
  if (questions.empty()) return {};
  auto options = a.generate_options();
  options.max_new_tokens = a.experiment.evaluate.free_answer_tokens;
  options.stop.clear();
  std::vector<std::vector<int64_t>> prompts;
  for (const auto& question : questions) {
    const io::Json messages = {{{"role", "user"}, {"content", question}}};
    prompts.push_back(a.format.encode(a.format.render(messages, /*add_generation_prompt=*/true)).ids);
  }
  const auto generated = evaluate::generate(decoder, &a.tokenizer, prompts, options);
  std::vector<FreeAnswer> answers;
  for (size_t i = 0; i < questions.size(); ++i) answers.push_back({questions[i], generated[i].text});
  return answers;
}

}  // namespace

io::Json Assessment::to_json() const {
  io::Json all = {{"splits", io::Json::object()}, {"free_answers", io::Json::array()}, {"peak_memory_bytes", peak_memory_bytes}};
  for (const auto& [name, score] : splits) all["splits"][name] = score_json(score);
  for (const auto& answer : free_answers) all["free_answers"].push_back({{"prompt", answer.prompt}, {"text", answer.text}});
  return all;
}

Assessment Assessment::from_json(const io::Json& json, const std::string& where) {
  try {
    Assessment result;
    for (const auto& [name, score] : json.at("splits").items()) result.splits[name] = score_from(score);
    for (const auto& a : json.at("free_answers")) result.free_answers.push_back({a.at("prompt"), a.at("text")});
    json.at("peak_memory_bytes").get_to(result.peak_memory_bytes);
    return result;
  } catch (const io::Json::exception& error) {
    throw ConfigError(where + ": not an assessment: " + error.what());
  }
}

std::vector<data::Example> limited(const std::vector<data::Example>& examples, const std::optional<int64_t>& limit) {
  const size_t count = limit ? std::min(examples.size(), static_cast<size_t>(*limit)) : examples.size();
  return {examples.begin(), examples.begin() + static_cast<std::ptrdiff_t>(count)};
}

evaluate::GenerateOptions Assessor::generate_options() const {
  evaluate::GenerateOptions options;
  options.max_new_tokens = experiment.evaluate.max_new_tokens;
  options.batch_size = experiment.evaluate.batch_size;
  options.end_ids = format.ends();
  options.stop = work.task.answer.stop;
  options.progress = [this](int64_t done) { display.progress(done); };
  options.cancelled = cancelled;
  return options;
}

void Assessor::check_lengths(const model::Decoder& decoder) const {
  for (const auto& [split, set] : work.splits) {
    for (const auto& example : set.examples) decoder.check_length(static_cast<int64_t>(example.ids.size()));
  }
  if (!data::needs_generation(work.task.answer.metric)) return;
  for (const auto& split : experiment.evaluate.splits) {
    for (const auto& example : limited(work.examples(split), limit_of(experiment.evaluate, split))) {
      decoder.check_length(static_cast<int64_t>(example.prompt.size()) + experiment.evaluate.max_new_tokens - 1);
    }
  }
}

Assessment Assessor::operator()(const model::Decoder& decoder, const std::string& title) const {
  Assessment result;
  reset_peak_memory();
  for (const auto& split : experiment.evaluate.splits) {
    if (!data::needs_generation(work.task.answer.metric)) continue;
    const auto examples = limited(work.examples(split), limit_of(experiment.evaluate, split));
    display.phase(title + " on " + split, static_cast<int64_t>(examples.size()));
    result.splits[split] = evaluate::score_task(decoder, tokenizer, examples, work.task.answer, generate_options());
  }
  display.phase(title + " on free prompts", static_cast<int64_t>(experiment.evaluate.free_prompts.size()));
  result.free_answers = free_answers(*this, decoder);
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

Assessment assess_base(const Assessor& assessor, const model::Decoder& decoder, const std::string& key, std::string& about) {
  const auto file = cache_folder() / "base" / (key + ".json");
  if (std::filesystem::exists(file)) {
    try {
      auto kept = Assessment::from_json(io::read_json(file).value, file.string());
      about = "read from " + file.string();
      return kept;
    } catch (const ConfigError&) {
      about = "the one kept in " + file.string() + " is damaged and was made anew";
    }
  }
  auto made = assessor(decoder, "base model");
  if (assessor.cancelled && assessor.cancelled()) return made;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  try {
    io::write_file(file, made.to_json().dump());
  } catch (const RunError& failure) {
    about = std::string("not kept for later runs: ") + failure.what();
  }
  return made;
}

}  // namespace peftlab::lab
