#include "core/report/human.h"

#include <cmath>
#include <cstdio>
#include <iterator>

namespace peftlab::report {

namespace {

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

/// "3 min 05 s".
std::string pair_of(int64_t large, const char* large_unit, int64_t small, const char* small_unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%lld %s %02lld %s", static_cast<long long>(large), large_unit,
                static_cast<long long>(small), small_unit);
  return text;
}

}  // namespace

std::string human_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  const char* pattern = value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f";
  return format(pattern, value) + " " + kUnits[unit];
}

std::string human_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e15) return "unknown";
  if (seconds < 0.9995) return format("%.3f s", seconds);
  if (seconds < 9.95) return format("%.1f s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return pair_of(whole / 60, "min", whole % 60, "s");
  if (whole < 86400) return pair_of(whole / 3600, "h", whole % 3600 / 60, "min");
  return pair_of(whole / 86400, "d", whole % 86400 / 3600, "h");
}

std::string human_count(int64_t count) {
  std::string text = std::to_string(count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

std::string human_percent(double share, int decimals) {
  if (std::isnan(share)) return "nan";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f %%", decimals, 100 * share);
  return text;
}

}  // namespace peftlab::report
