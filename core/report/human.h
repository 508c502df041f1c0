// Numbers as people read them, each with its unit.
#pragma once

#include <cstdint>
#include <string>

namespace peftlab::report {

/// "512 B", "1.50 KiB", "2.51 GiB": three digits that count.
std::string human_bytes(uint64_t bytes);
/// "0.042 s", "1.2 s", "59 s", "3 min 05 s", "2 h 14 min", "3 d 02 h"; "unknown" for what is not finite or negative.
std::string human_seconds(double seconds);
/// "1,234,567".
std::string human_count(int64_t count);
/// Of a share: "98.50 %". `decimals`: digits behind the point. "nan" stays visible.
std::string human_percent(double share, int decimals = 2);

}  // namespace peftlab::report
