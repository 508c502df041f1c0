// What training changed in the model's matrices, as singular values.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/io/json.h"
#include "core/lab/method_set.h"

namespace peftlab::lab {

inline constexpr int64_t kSingularValues = 32;  // kept of each matrix

struct UpdateSpectrum {
  std::string matrix;  // Hugging Face module path
  int64_t out = 0, in = 0;
  double weight_norm = 0.0;  // Frobenius, of W
  double update_norm = 0.0;  // Frobenius, of W' - W: all its singular values, those kept or not, squared and added up
  std::vector<double> singular_values;  // of W' - W, the largest kSingularValues, falling; empty where it is not finite
};

/// The largest singular values of a matrix (out, in), falling. Exact for small ones, else from a random subspace of
/// kSingularValues + 8 directions refined by two power iterations: never too large, and close for all that stand out
/// (Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4).
std::vector<double> leading_singular_values(const torch::Tensor& matrix, uint64_t seed);

/// One for each matrix that a method changes by a weight that can be written down, in the order the methods filled
/// them. What no matrix holds (virtual tokens, prefixes, changes of activations) is left out.
std::vector<UpdateSpectrum> update_spectra(const model::Decoder& decoder, const MethodSet& methods, uint64_t seed);

/// Writes `folder`/updates.json and notes it in `results`, or does nothing where no matrix was changed.
void record_updates(io::Json& results, const std::filesystem::path& folder, const model::Decoder& decoder,
                    const MethodSet& methods, uint64_t seed);

}  // namespace peftlab::lab
