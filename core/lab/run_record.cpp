#include "core/lab/run_record.h"

#include <algorithm>
#include <ctime>

#include "core/compare/items.h"
#include "core/data/metric.h"
#include "core/io/files.h"
#include "core/io/sha256.h"
#include "core/lab/identity.h"
#include "core/lab/machine.h"
#include "core/lab/run.h"
#include "core/lab/version.h"
#include "core/plugin/json_value.h"

namespace peftlab::lab {
namespace {

constexpr int64_t kForgettingWindow = 256;  // tokens
constexpr size_t kWrongOutputs = 5;

std::string now() {
  char text[32];
  const std::time_t time = std::time(nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&time));
  return text;
}

Sources sources_of(const RunInputs& in) {
  return {in.files.hash(), in.work.dataset.hash, in.work.task.hash, in.tokenizer.hash(), in.format.hash(), in.type,
          in.device};
}

/// One character an item where all are right or wrong, else a list of numbers.
io::Json item_scores(const std::vector<evaluate::Prediction>& predictions) {
  std::string letters;
  io::Json numbers = io::Json::array();
  for (const auto& p : predictions) {
    if (p.score == 0.0 || p.score == 1.0) letters += p.score == 0.0 ? '0' : '1';
    numbers.push_back(p.score);
  }
  return letters.size() == predictions.size() ? io::Json(letters) : numbers;
}

std::string items_key(const std::vector<evaluate::Prediction>& predictions) {
  compare::ItemsKey key;
  for (const auto& p : predictions) key.add(io::Json(p.row).dump(), io::Json(p.reference).dump());
  return key.text();
}

io::Json data_json(const Workload& work) {
  io::Json splits = io::Json::object();
  for (const auto& [name, set] : work.splits) {
    splits[name] = {{"num_items", set.examples.size()}, {"num_truncated", set.num_truncated}};
  }
  const auto& metric = work.task.answer.metric;
  return {{"task", work.task.path.filename().string()}, {"metric", metric},
          {"metric_direction", data::needs_generation(metric) ? "higher" : "lower"}, {"num_records_read", work.dataset.num_read},
          {"num_records_unique", work.dataset.num_unique}, {"splits", splits}, {"cache", work.cache_about}};
}

io::Json shape_json(const ModelShape& s) {
  return {{"architecture", s.architecture}, {"num_layers", s.num_layers}, {"num_heads", s.num_heads},
          {"num_kv_heads", s.num_kv_heads}, {"head_width", s.head_width}, {"width", s.width},
          {"mlp_width", s.mlp_width},       {"vocab_size", s.vocab_size}, {"tied_head", s.tied_head}};
}

io::Json interval_json(const evaluate::Interval& i) { return {{"mean", i.mean}, {"low_95", i.low}, {"high_95", i.high}}; }

}  // namespace

io::Json begin_record(const RunInputs& in) {
  io::Json record = {{"peftlab", kVersion}, {"result_version", kResultVersion}, {"name", in.experiment.name},
                     {"about", in.experiment.about}, {"seed", in.experiment.seed}, {"status", "new"}, {"started", now()}};
  record["experiment"] = in.experiment.resolved();
  if (*kCommit != '\0') record["commit"] = kCommit;
  const Sources sources = sources_of(in);
  record["hashes"] = hashes_of(in.experiment, sources);
  record["numbers"] = numbers_of(sources);
  record["identity"] = identity_of(record["hashes"], record["numbers"], in.experiment.seed);
  record["machine"] = describe_machine();
  record["model"] = {{"name", in.experiment.model.name}, {"path", in.files.path.filename().string()},
                     {"stored_type", in.files.source->stored_type()}, {"shape", shape_json(in.files.source->spec().shape)}};
  record["data"] = data_json(in.work);
  record["methods"] = io::Json::array();
  for (const auto& method : in.methods) {
    record["methods"].push_back({{"name", method.name()}, {"title", method.library.entry->title}, {"paper", method.library.entry->paper},
                                 {"library_sha256", method.library.sha256}, {"options", method.options}});
  }
  return record;
}

std::string base_key(const io::Json& record) {
  io::Json hashes = record.at("hashes");
  for (const char* other : {"experiment", "adapter", "forgetting"}) hashes.erase(other);
  io::Json key = {{"hashes", hashes}, {"numbers", record.at("numbers")}, {"threads", record.at("machine").at("threads")},
                        {"evaluate", record.at("experiment").at("evaluate")}, {"result_version", kResultVersion}};
  const auto quantized = record.at("model").value("quantized", io::Json(nullptr));
  if (!quantized.is_null()) key["quantized"] = quantized;
  return io::sha256_hex(key.dump());
}

void record_methods(io::Json& record, const MethodSet& methods, const model::Decoder& decoder) {
  const int64_t base = decoder.weights().num_parameters();
  record["model"]["num_parameters"] = base;
  record["model"]["frozen_bytes"] = decoder.weights().bytes();
  const auto quantized = model::quantized_matrices(decoder.weights());
  record["model"]["quantized"] = quantized ? model::to_json(*quantized) : io::Json(nullptr);
  record["num_trainable"] = methods.num_trainable();
  record["trainable_share"] = static_cast<double>(methods.num_trainable()) / static_cast<double>(base);
  for (size_t i = 0; i < methods.methods.size(); ++i) {
    record["methods"][i]["num_trainable"] = methods.methods[i]->num_trainable();
    record["methods"][i]["num_points"] = methods.methods[i]->filled().size();
  }
}

void record_training(io::Json& results, const train::Outcome& outcome) {
  const auto& p = outcome.progress;
  results["training"] = {{"num_steps", p.step},
                         {"seconds", p.train_seconds},
                         {"evaluation_seconds", p.evaluation_seconds},
                         {"first_step_seconds", p.first_step_seconds},
                         {"num_useful_tokens", p.num_useful},
                         {"num_computed_tokens", p.num_computed},
                         {"num_labelled_tokens", p.num_labels},
                         {"useful_tokens_per_second", p.train_seconds > 0 ? static_cast<double>(p.num_useful) / p.train_seconds : 0.0},
                         {"num_skipped_steps", p.num_skipped},
                         {"num_loss_jumps", p.num_jumps},
                         {"shared_beginning", outcome.shared_beginning},
                         {"final_loss", p.recent_losses.empty() ? io::Json(nullptr) : io::Json(p.recent_losses.back())}};
}

void record_training_memory(io::Json& results, const TrainingMemory& m) {
  results["peak_memory_bytes"]["training"] = m.peak;
  const auto rest = [](int64_t whole, int64_t parts) { return std::max<int64_t>(0, whole - parts); };
  results["training_memory_bytes"] = {{"base_model", m.base_model},
                                      {"trained", m.held.trained},
                                      {"gradients", m.held.gradients},
                                      {"optimizer", m.held.optimizer},
                                      {"activations", rest(m.peak, m.resident_before + m.held.gradients + m.held.optimizer)},
                                      {"program", rest(m.resident_before, m.base_model + m.held.trained)}};
}

void record_adapter(io::Json& record, const std::filesystem::path& folder) {
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") bytes += entry.file_size();
  }
  record["adapter_bytes"] = bytes;
}

void record_reports(io::Json& results, const MethodSet& methods) {
  io::Json all = io::Json::array();
  for (const auto& attached : methods.methods) {
    const Report report = attached->method().report();
    if (report.tables.empty() && report.series.empty()) continue;
    io::Json entry = {{"method", attached->name()}, {"tables", io::Json::array()}, {"series", io::Json::array()}};
    for (const auto& table : report.tables) {
      io::Json rows = io::Json::array();
      for (const auto& row : table.rows) rows.push_back(plugin::to_json(Value(row)));
      entry["tables"].push_back({{"title", table.title}, {"columns", table.columns}, {"rows", rows}});
    }
    for (const auto& series : report.series) entry["series"].push_back({{"title", series.title}, {"values", series.values}});
    all.push_back(entry);
  }
  if (!all.empty()) results["reports"] = all;
}

void record_assessment(io::Json& results, const std::string& which, const Assessment& assessment) {
  io::Json entry = io::Json::object();
  for (const auto& [split, score] : assessment.splits) {
    entry[split] = {{"accuracy", score.mean}, {"num_items", score.num_items}, {"num_generated_tokens", score.num_generated},
                    {"seconds", score.seconds}, {"items", items_key(score.predictions)}, {"item_scores", item_scores(score.predictions)}};
  }
  entry["free_answers"] = io::Json::array();
  for (const auto& answer : assessment.free_answers) {
    entry["free_answers"].push_back({{"prompt", answer.prompt}, {"text", answer.text}});
  }
  results[which] = entry;
  results["peak_memory_bytes"][which == "base" ? "base_evaluation" : "evaluation"] = assessment.peak_memory_bytes;
}

void record_wrong_outputs(io::Json& results, const Assessment& tuned) {
  results["wrong_outputs"] = io::Json::array();
  for (const auto& [split, score] : tuned.splits) {
    for (const auto& p : score.predictions) {
      if (p.score >= 1.0 || results["wrong_outputs"].size() >= kWrongOutputs) continue;
      results["wrong_outputs"].push_back({{"split", split}, {"row", p.row}, {"reference", p.reference}, {"text", p.text}, {"reason", p.reason}});
    }
  }
}

void record_forgetting(io::Json& results, const std::vector<evaluate::ForgettingScore>& scores, double seconds, int64_t peak_bytes) {
  io::Json kinds = io::Json::array();
  for (const auto& s : scores) {
    kinds.push_back({{"kind", s.kind}, {"num_tokens", s.num_tokens}, {"num_windows", s.num_windows}, {"base_loss_nats", s.base_loss},
                     {"loss_change_nats", interval_json(s.loss_change)}, {"kl_from_base_nats", interval_json(s.divergence)}});
  }
  results["forgetting"] = {{"texts", kinds}, {"seconds", seconds}};
  results["peak_memory_bytes"]["forgetting"] = peak_bytes;
}

void write_predictions(const std::filesystem::path& file, const Assessment& tuned, const Assessment* base) {
  std::string lines;
  for (const auto& [split, score] : tuned.splits) {
    const auto* other = base != nullptr && base->splits.contains(split) ? &base->splits.at(split) : nullptr;
    for (size_t i = 0; i < score.predictions.size(); ++i) {
      const auto& p = score.predictions[i];
      io::Json line = {{"split", split}, {"item", i}, {"row", p.row}, {"reference", p.reference}, {"text", p.text}, {"score", p.score}};
      if (!p.reason.empty()) line["reason"] = p.reason;
      if (other != nullptr) {
        line["base_text"] = other->predictions[i].text;
        line["base_score"] = other->predictions[i].score;
      }
      lines += line.dump() + "\n";
    }
  }
  io::write_file(file, lines);
}

std::vector<evaluate::ForgettingText> forgetting_texts(const evaluate::Forgetting& settings, const text::Tokenizer& tokenizer,
                                                       const data::ChatFormat& format) {
  std::vector<evaluate::ForgettingText> texts;
  const auto add = [&](const std::string& kind, std::vector<int64_t> ids) {
    if (static_cast<int64_t>(ids.size()) > settings.max_tokens) ids.resize(static_cast<size_t>(settings.max_tokens));
    texts.push_back({kind, evaluate::windows_of(ids, kForgettingWindow)});
  };
  for (const auto& file : settings.texts) add(file.stem().string(), tokenizer.encode(io::read_file(file), /*add_special_tokens=*/false));
  if (!settings.task) return texts;
  const auto task = resolve_task(*settings.task);
  std::vector<int64_t> ids;
  for (const auto& conversation : data::prepare(task).split("test")) {
    const auto more = format.encode(format.render(conversation.messages, /*add_generation_prompt=*/false)).ids;
    ids.insert(ids.end(), more.begin(), more.end());
  }
  add(settings.task->stem().string(), ids);
  return texts;
}

}  // namespace peftlab::lab
