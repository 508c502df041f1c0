#include "core/check/promise.h"

namespace peftlab::check {

const std::vector<Promise>& promises() {
  static const std::vector<Promise> all = {
      {"base", "training changes no bit of the base model", nullptr, keeps_the_base},
      {"count", "the reported number of parameters is that of distinct trained tensors", nullptr,
       counts_its_parameters},
      {"start", "starts as the base model if, and only if, it says so", nullptr, starts_as_declared},
      {"seed", "the same seed gives the same bits, another one others", nullptr, follows_the_seed},
      {"gradients", "finite, somewhere not zero, equal to float64 differences", "count", has_right_gradients},
      {"moves", "every trained tensor moves within three steps", "count", moves_every_tensor},
      {"merge", "merged weights compute what the patches compute", nullptr, merges},
      {"save", "what is saved and read computes the same bits", nullptr, is_saved_and_read},
      {"resume", "a resumed training goes on to the same bits", "save", resumes},
      {"adapter", "the adapter's folder reads back equal", "save", exports_and_reads_back},
      {"sequences", "a sequence's result depends on nothing but its past", nullptr, treats_sequences_apart},
      {"accumulation", "micro-batches and a shared beginning give the batch's gradients", "sequences", accumulates},
      {"checkpointing", "layers computed again give the same gradients", nullptr, can_be_recomputed},
      {"training", "training and evaluation differ by dropout alone", nullptr, trains_as_it_evaluates},
      {"off", "switched off, the base model's bits come back", "base", can_be_switched_off},
      {"bfloat16", "a bfloat16 base keeps its type and trains in float32", nullptr, takes_bfloat16},
      {"refusals", "a base that lacks the point is refused by name", nullptr, refuses_what_a_base_lacks},
      {"options", "each wrong option gets one message", nullptr, tells_wrong_options},
  };
  return all;
}

}  // namespace peftlab::check
