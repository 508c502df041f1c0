#include "core/lab/summary.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace peftlab::lab {
namespace {

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string percent(double share) { return format("%.2f %%", 100.0 * share); }

std::string seconds(double value) { return value < 100 ? format("%.1f s", value) : format("%.0f s", value); }

std::string mebibytes(double bytes) { return format("%.0f MiB", bytes / (1 << 20)); }

std::string grouped(int64_t count) {
  std::string digits = std::to_string(count);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), 1, ',');
  return digits;
}

/// "  label ........ value", the value at a fixed column.
void line(std::ostream& out, const std::string& label, const std::string& value) {
  out << "  " << label << std::string(label.size() < 26 ? 26 - label.size() : 1, ' ') << value << "\n";
}

void accuracy(std::ostream& out, const io::Json& results) {
  if (!results.contains("tuned")) return;
  for (const auto& [split, tuned] : results.at("tuned").items()) {
    if (!tuned.is_object()) continue;
    const double after = tuned.at("accuracy");
    std::string text = percent(after) + " of " + std::to_string(tuned.at("num_items").get<int64_t>());
    if (results.contains("base") && results.at("base").contains(split)) {
      const double before = results.at("base").at(split).at("accuracy");
      text = percent(before) + " -> " + text + format(", %+.2f points", 100.0 * (after - before));
    }
    line(out, std::string("accuracy on ").append(split), text);
  }
}

std::string with_interval(const io::Json& interval, const char* pattern) {
  std::string text = format(pattern, interval.at("mean"));
  if (interval.at("low_95").is_number()) {
    text.append(" [").append(format(pattern, interval.at("low_95"))).append(", ");
    text.append(format(pattern, interval.at("high_95"))).append("]");
  }
  return text;
}

void forgetting(std::ostream& out, const io::Json& results) {
  if (!results.contains("forgetting")) return;
  out << "\nForgetting on unrelated text, nats per token [95 % interval]\n";
  for (const auto& text : results.at("forgetting").at("texts")) {
    line(out, text.at("kind").get<std::string>() + " (" + grouped(text.at("num_tokens")) + " tokens)",
         std::string("loss ").append(with_interval(text.at("loss_change_nats"), "%+.4f")));
    line(out, "", std::string("KL from base ").append(with_interval(text.at("kl_from_base_nats"), "%.4f")));
  }
}

/// How the base model is kept in memory.
void base_model(std::ostream& out, const io::Json& model) {
  if (!model.contains("frozen_bytes")) return;
  line(out, "base model", mebibytes(model.at("frozen_bytes")));
  const auto quantized = model.value("quantized", io::Json(nullptr));
  if (!quantized.is_object()) return;
  line(out, "  its matrices", quantized.at("type").get<std::string>() + ", " + mebibytes(quantized.at("bytes")) +
                                  format(", %.3f bits a parameter", quantized.at("bits_per_parameter")));
  if (quantized.contains("relative_error")) {
    line(out, "  quantisation error", format("%.4f standard deviations of a matrix", quantized.at("relative_error")));
  }
}

/// The parts of the peak in training, in the order in which they come to be held.
void training_memory(std::ostream& out, const io::Json& parts) {
  line(out, "  in training", "");
  const std::pair<const char*, const char*> kParts[] = {{"program", "program and data"}, {"base_model", "base model"}, {"trained", "trained"},
                                                        {"gradients", "gradients"}, {"optimizer", "optimizer"}, {"activations", "activations"}};
  for (const auto& [key, name] : kParts) line(out, std::string("    ").append(name), mebibytes(parts.at(key)));
}

void cost(std::ostream& out, const io::Json& record, const io::Json& results) {
  out << "\nCost\n";
  base_model(out, record.value("model", io::Json::object()));
  if (record.contains("num_trainable")) {
    line(out, "trainable parameters", grouped(record.at("num_trainable")) + ", " + format("%.3f %%", 100.0 * record.at("trainable_share").get<double>()) +
                                          " of the model");
  }
  if (results.contains("training")) {
    const auto& t = results.at("training");
    line(out, "training", seconds(t.at("seconds")) + ", " + grouped(t.at("num_steps")) + " steps, " +
                              format("%.0f useful tokens/s", t.at("useful_tokens_per_second")));
    const int64_t skipped = t.at("num_skipped_steps");
    if (skipped > 0) line(out, "skipped steps", grouped(skipped) + " whose loss or gradient was not finite");
  }
  if (results.contains("setup_seconds")) line(out, "set-up", seconds(results.at("setup_seconds")));
  for (const char* which : {"base", "tuned"}) {
    if (!results.contains(which)) continue;
    for (const auto& [split, score] : results.at(which).items()) {
      if (score.is_object()) line(out, std::string("answers, ").append(which).append(", ").append(split), seconds(score.at("seconds")));
    }
  }
  if (!results.contains("peak_memory_bytes")) return;
  for (const auto& [phase, bytes] : results.at("peak_memory_bytes").items()) line(out, std::string("peak memory, ").append(phase), mebibytes(bytes));
  if (results.contains("training_memory_bytes")) training_memory(out, results.at("training_memory_bytes"));
}

void wrong_outputs(std::ostream& out, const io::Json& results) {
  if (!results.contains("wrong_outputs") || results.at("wrong_outputs").empty()) return;
  out << "\nWrong outputs\n";
  for (const auto& wrong : results.at("wrong_outputs")) {
    std::string text = wrong.at("text").get<std::string>();
    for (char& c : text) c = c == '\n' ? ' ' : c;
    out << "  expected " << wrong.at("reference").get<std::string>() << "\n  got      " << text << "\n";
  }
}

}  // namespace

std::string summary_of(const io::Json& record, const std::string& folder, int width) {
  std::ostringstream out;
  const io::Json results = record.value("results", io::Json::object());
  out << record.at("name").get<std::string>() << ", seed " << record.at("seed").get<int64_t>() << ": " << record.at("status").get<std::string>() << "\n"
      << std::string(static_cast<size_t>(std::min(width, 80)), '-') << "\n";
  accuracy(out, results);
  forgetting(out, results);
  cost(out, record, results);
  wrong_outputs(out, results);
  out << "\nFolder  " << folder << "\nNext    peftlab chat " << folder << "\n        peftlab merge " << folder << " MERGED_MODEL\n";
  return out.str();
}

}  // namespace peftlab::lab
