#include "core/report/metrics_log.h"

#include <cmath>
#include <string_view>

#include "peftlab/error.h"

namespace peftlab::report {

namespace {

/// JSON has no NaN and no infinity: they are written as "nan", "inf" and "-inf", so that they stay visible.
io::Json with_visible_nan(const io::Json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const double number = value.get<double>();
    return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  if (!value.is_structured()) return value;
  io::Json copy = value;
  for (auto& inner : copy) inner = with_visible_nan(inner);
  return copy;
}

}  // namespace

MetricsLog::MetricsLog(std::filesystem::path path) : path_(std::move(path)) { file_.emplace(path_); }

void MetricsLog::forget_after(int64_t step) {
  const std::string all = io::read_file(path_);
  std::string kept;
  kept.reserve(all.size());
  size_t number = 1;
  for (size_t begin = 0; begin < all.size(); ++number) {
    const size_t end = all.find('\n', begin);
    if (end == std::string::npos) break;  // torn while it was written
    const std::string_view line = std::string_view(all).substr(begin, end - begin);
    const io::Json value = io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
    begin = end + 1;
    if (!value.is_object()) {
      if (begin == all.size()) break;
      throw ConfigError(path_.string() + ":" + std::to_string(number) +
                        ": expected one JSON object a line; mend or remove this line");
    }
    const auto at = value.find("step");
    if (at != value.end() && at->is_number() && at->get<double>() > static_cast<double>(step)) continue;
    kept.append(line).append("\n");
  }
  if (kept.size() == all.size()) return;
  file_.reset();
  io::write_file(path_, kept);
  file_.emplace(path_);
}

void MetricsLog::append(const io::Json& line) {
  // What a model wrote may not be UTF-8; the log must not fail over it.
  file_->append(with_visible_nan(line).dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n");
}

}  // namespace peftlab::report
