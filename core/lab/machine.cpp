#include "core/lab/machine.h"

#include <ATen/Parallel.h>
#include <malloc.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace peftlab::lab {
namespace {

/// The value behind the first line that begins with `key`, or "".
std::string field(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const size_t at = line.find_first_not_of(" \t:", key.size());
    return at == std::string::npos ? "" : line.substr(at);
  }
  return "";
}

int64_t bytes_of_status(const char* key) {
  std::istringstream text(field("/proc/self/status", key));
  int64_t kib = 0;
  text >> kib;
  return kib * 1024;
}

io::Json instruction_sets() {
  std::istringstream words(field("/proc/cpuinfo", "flags"));
  const std::set<std::string> flags{std::istream_iterator<std::string>(words), {}};
  io::Json found = io::Json::array();
  for (const char* name : {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"}) {
    if (flags.contains(name)) found.push_back(name);
  }
  return found;
}

/// What the environment says to the libraries that compute: by the user, by the launcher or by main.
io::Json library_settings() {
  io::Json found = io::Json::object();
  for (const char* name : {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "ONEDNN_PRIMITIVE_CACHE_CAPACITY",
                           "LRU_CACHE_CAPACITY", "GLIBC_TUNABLES"}) {
    if (const char* value = std::getenv(name)) found[name] = value;
  }
  return found;
}

/// How many runs whoever started this one does beside each other: they share caches and memory, and so take longer.
int64_t runs_at_once() {
  const char* text = std::getenv(kRunsAtOnce);
  const int count = text == nullptr ? 1 : std::atoi(text);
  return std::max(count, 1);
}

}  // namespace

io::Json describe_machine() {
  utsname system{};
  uname(&system);
  const int64_t memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
#ifdef NDEBUG
  const char* build = "release";
#else
  const char* build = "debug";
#endif
  return {{"processor", field("/proc/cpuinfo", "model name")},
          {"instruction_sets", instruction_sets()},
          {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
          {"threads", at::get_num_threads()},
          {"runs_at_once", runs_at_once()},
          {"memory_bytes", memory},
          {"system", std::string(system.sysname) + " " + system.release},
          {"host", system.nodename},
          {"libtorch", TORCH_VERSION},
          {"build", build},
          {"library_settings", library_settings()}};
}

double load_average() {
  double load = 0.0;
  return getloadavg(&load, 1) == 1 ? load : 0.0;
}

bool reset_peak_memory() {
  // What earlier phases freed goes back to the system: it would count as memory of the phase that begins.
  malloc_trim(0);
  std::ofstream out("/proc/self/clear_refs");
  out << "5";
  out.flush();
  return out.good();
}

int64_t peak_memory_bytes() { return bytes_of_status("VmHWM"); }

int64_t resident_memory_bytes() { return bytes_of_status("VmRSS"); }

}  // namespace peftlab::lab
