#include "core/cli/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstdint>
#include <cstdlib>

namespace peftlab::cli {

namespace {

constexpr uintptr_t kAlignment = 64;  // as libtorch's own: a cache line

/// What malloc gave stands before a tensor's elements.
void*& given_for(void* elements) { return static_cast<void**>(elements)[-1]; }

void free_tensor(void* elements) {
  if (elements == nullptr) return;
  c10::profiledCPUMemoryReporter().Delete(elements);
  std::free(given_for(elements));
}

class TensorMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return held(nullptr);
    void* given =
        std::malloc(bytes + kAlignment);  // aligned to 16 at least, so that its address fits before the elements
    if (given == nullptr) c10::profiledCPUMemoryReporter().OutOfMemory(bytes);
    TORCH_CHECK(given != nullptr, "not enough memory for a tensor of ", bytes, " bytes");
    auto* elements = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(given) / kAlignment + 1) * kAlignment);
    given_for(elements) = given;
    c10::profiledCPUMemoryReporter().New(elements, bytes);
    return held(elements);
  }

  c10::DeleterFnPtr raw_deleter() const override { return &free_tensor; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static c10::DataPtr held(void* elements) {
    return {elements, elements, &free_tensor, c10::Device(c10::DeviceType::CPU)};
  }
};

}  // namespace

void take_tensors_from_malloc() {
  static TensorMemory memory;
  c10::SetCPUAllocator(&memory);
}

}  // namespace peftlab::cli
