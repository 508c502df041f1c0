#include "core/kernels/dropout_clock.h"

#include <atomic>
#include <mutex>

#include "core/kernels/mixing.h"

namespace peftlab::kernels {

namespace {

struct Clock {
  std::mutex mutex;
  uint64_t state = mixed(0);
  uint64_t num_draws = 0;
};

Clock& clock() {
  static Clock it;
  return it;
}

std::atomic<int> num_off{0};

}  // namespace

void set_dropout_clock(uint64_t seed, int64_t step, int64_t micro_batch) {
  const std::lock_guard lock(clock().mutex);
  clock().state = mixed(mixed(mixed(seed) ^ static_cast<uint64_t>(step)) ^ static_cast<uint64_t>(micro_batch));
}

uint64_t dropout_key(uint64_t salt) {
  const std::lock_guard lock(clock().mutex);
  ++clock().num_draws;
  return mixed(clock().state ^ mixed(salt));
}

uint64_t num_dropout_draws() {
  const std::lock_guard lock(clock().mutex);
  return clock().num_draws;
}

DropoutOff::DropoutOff() { ++num_off; }

DropoutOff::~DropoutOff() { --num_off; }

bool dropout_is_off() { return num_off > 0; }

}  // namespace peftlab::kernels
