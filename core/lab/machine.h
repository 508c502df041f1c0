// What a record says of the machine, and how much memory a phase took.
#pragma once

#include <cstdint>

#include "core/io/json.h"

namespace peftlab::lab {

/// The environment variable that tells a run how many are done beside each other on this machine.
inline constexpr const char* kRunsAtOnce = "PEFTLAB_RUNS_AT_ONCE";

/// Processor, instruction sets, cores, memory, system, libtorch, threads, runs at once, build, settings of the
/// libraries: for the record.
io::Json describe_machine();

/// Processes that ran or waited for a core, over the last minute; 0 where the system does not say.
double load_average();

/// A load average beyond which times taken here are not to be trusted.
inline constexpr double kBusyLoad = 0.5;

/// Sets the high-water mark of resident memory back to what is resident now (Linux, /proc/self/clear_refs). Returns false
/// where the system does not allow it; then peaks are of the whole process.
bool reset_peak_memory();

/// The high-water mark of resident memory, in bytes, since the last reset.
int64_t peak_memory_bytes();

/// What is resident now, in bytes.
int64_t resident_memory_bytes();

}  // namespace peftlab::lab
