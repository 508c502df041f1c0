// Moves rows between tensors and float32 tiles.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// to[i * to_step + j] = scale * from[i * step + j], i < rows, j < width.
void load_rows(int64_t rows, int64_t width, const float* from, int64_t step, float scale, float* to, int64_t to_step);
void load_rows(int64_t rows, int64_t width, const Bfloat16* from, int64_t step, float scale, float* to, int64_t to_step);

/// to[j * to_step + i] = scale * from[i * step + j].
void load_transposed(int64_t rows, int64_t width, const float* from, int64_t step, float scale, float* to,
                     int64_t to_step);
void load_transposed(int64_t rows, int64_t width, const Bfloat16* from, int64_t step, float scale, float* to,
                     int64_t to_step);

/// to[j] = scale * from[j].
void store_row(int64_t width, const float* from, float scale, float* to);
void store_row(int64_t width, const float* from, float scale, Bfloat16* to);

/// to[i * to_step + j] += from[j * step + i], i < rows, j < width.
void add_turned(int64_t rows, int64_t width, const float* from, int64_t step, float* to, int64_t to_step);

/// to[j] += from[j].
void add_row(int64_t width, const float* from, float* to);

}  // namespace peftlab::kernels::loops
