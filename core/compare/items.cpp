#include "core/compare/items.h"

namespace peftlab::compare {

void ItemsKey::add(std::string_view row, std::string_view reference) {
  mix(row);
  mix(reference);
  mix("\n");
  ++num_items_;
}

std::string ItemsKey::text() const {
  return std::to_string(num_items_) + " items, " + std::to_string(hash_ % 100000000);
}

void ItemsKey::mix(std::string_view bytes) {
  constexpr uint64_t kPrime = 1099511628211ull;
  for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * kPrime;
}

}  // namespace peftlab::compare
