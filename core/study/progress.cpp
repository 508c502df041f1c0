#include "core/study/progress.h"

#include "core/compare/json_access.h"
#include "core/report/human.h"

namespace peftlab::study {
bool Progress::take(const std::string& line, Clock::time_point now) {
  if (line.empty() || line.front() != '{') return false;
  const auto json = io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  if (json.contains("phase")) {
    phase_ = compare::text_at(json, "phase");
    total_ = compare::count_at(json, "total").value_or(0);
    done_ = 0;
    details_.clear();
    first_done_ = -1;
    return true;
  }
  if (!json.contains("done")) return json.contains("note");
  done_ = compare::count_at(json, "done").value_or(0);
  details_ = compare::text_at(json, "details");
  if (first_done_ < 0) {
    first_done_ = done_;
    first_at_ = now;
  }
  return true;
}

std::string Progress::text(Clock::time_point now) const {
  std::string text = phase_;
  if (total_ > 0) text += "  " + report::human_count(done_) + "/" + report::human_count(total_);
  if (!details_.empty()) text += "  " + details_;
  // From the first time it told: a resumed run begins with steps that took no time here.
  if (first_done_ < 0 || done_ <= first_done_ || total_ < done_) return text;
  const double per_item =
      std::chrono::duration<double>(now - first_at_).count() / static_cast<double>(done_ - first_done_);
  return text + "  " + report::human_seconds(per_item * static_cast<double>(total_ - done_)) + " left";
}

}  // namespace peftlab::study
