#include "core/lab/run_observer.h"

#include "core/lab/machine.h"

namespace peftlab::lab {

RunObserver::RunObserver(const std::filesystem::path& folder, int64_t log_every, Display& display)
    : metrics_(folder / "metrics.jsonl"), events_(folder), log_every_(log_every), display_(display) {}

void RunObserver::describe(const io::Json& record) {
  std::vector<std::pair<std::string, double>> numbers = {{"seed", record.at("seed").get<double>()}};
  std::vector<std::pair<std::string, std::string>> texts = {{"model", record.at("model").at("name").get<std::string>()}};
  const auto add = [&](const std::string& prefix, const io::Json& fields) {
    for (const auto& [key, value] : fields.items()) {
      if (value.is_number()) numbers.emplace_back(prefix + key, value.get<double>());
      if (value.is_string()) texts.emplace_back(prefix + key, value.get<std::string>());
    }
  };
  for (const auto& method : record.at("methods")) {
    const std::string name = method.at("name").get<std::string>();
    texts.emplace_back("method", name);
    add(name + "/", method.at("options"));
  }
  add("train/", record.at("experiment").at("train"));
  events_.hparams(numbers, texts, record.at("name").get<std::string>());
}

void RunObserver::on_start(int64_t step) {
  metrics_.forget_after(step);
  events_.forget_after(step);
}

void RunObserver::on_step(const train::StepReport& r) {
  display_.step(r);
  if (r.step % log_every_ != 0 && r.step != r.num_steps && !r.skipped) return;
  const double rate = r.seconds > 0 ? static_cast<double>(r.num_useful) / r.seconds : 0.0;
  const int64_t peak = peak_memory_bytes();
  metrics_.append({{"step", r.step}, {"epoch", r.epoch}, {"loss", r.loss}, {"loss_task", r.loss_task},
                   {"loss_penalty", r.loss_penalty}, {"learning_rate", r.learning_rate}, {"gradient_norm", r.gradient_norm},
                   {"num_labels", r.num_labels}, {"num_useful_tokens", r.num_useful}, {"num_computed_tokens", r.num_computed},
                   {"seconds", r.seconds}, {"useful_tokens_per_second", rate}, {"peak_memory_bytes", peak}, {"skipped", r.skipped}});
  events_.scalar("train/loss", r.step, r.loss);
  events_.scalar("train/loss_task", r.step, r.loss_task);
  events_.scalar("train/loss_penalty", r.step, r.loss_penalty);
  events_.scalar("train/learning_rate", r.step, r.learning_rate);
  events_.scalar("train/gradient_norm", r.step, r.gradient_norm);
  events_.scalar("train/epoch", r.step, r.epoch);
  events_.scalar("train/useful_tokens_per_second", r.step, rate);
  events_.scalar("train/peak_memory_mib", r.step, static_cast<double>(peak) / (1 << 20));
}

void RunObserver::on_evaluation(int64_t step, const train::Metrics& metrics, double seconds) {
  io::Json line = {{"step", step}, {"evaluation_seconds", seconds}};
  std::string text = "dev";
  for (const auto& [name, value] : metrics) {
    line["dev_" + name] = value;
    events_.scalar("dev/" + name, step, value);
    text += " " + name + " " + std::to_string(value);
  }
  metrics_.append(line);
  display_.note("step " + std::to_string(step) + ": " + text);
}

void RunObserver::on_note(int64_t step, const std::string& text) {
  metrics_.append({{"step", step}, {"note", text}});
  display_.note("step " + std::to_string(step) + ": " + text);
}

}  // namespace peftlab::lab
