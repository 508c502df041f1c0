#include "core/quant/four_bit_x86.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define PEFTLAB_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#include <immintrin.h>

#include <bit>
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the lanes that its own intrinsics leave undefined on purpose for a mistake (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#endif

namespace peftlab::quant::x86 {
namespace {

int num_portable_only = 0;

}  // namespace

PortableOnly::PortableOnly() { ++num_portable_only; }

PortableOnly::~PortableOnly() { --num_portable_only; }

#ifdef PEFTLAB_AVX512

bool can_look_up() {
  static const bool has = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0;
  return has && num_portable_only == 0;
}

PEFTLAB_AVX512 float largest_magnitude(const float* x, int64_t n) {
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  __m512i largest = _mm512_setzero_si512();
  for (int64_t i = 0; i < n; i += 16) {
    largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
  }
  return std::bit_cast<float>(_mm512_reduce_max_epu32(largest));
}

/// Ranks 16 values at a time by four steps of a binary search, whose thresholds and codes are tables in registers.
PEFTLAB_AVX512 void encode_block(const float* x, int64_t n, const BlockScale& scale, const Search& search,
                                 uint8_t* packed) {
  const __m512 thresholds = _mm512_loadu_ps(search.thresholds), factor = _mm512_set1_ps(scale.factor);
  const __m512i codes = _mm512_loadu_si512(search.code);
  const __m512 one = _mm512_set1_ps(1.0f), minus_one = _mm512_set1_ps(-1.0f);
  for (int64_t i = 0; i < n; i += 16) {
    const __m512 value = _mm512_loadu_ps(x + i);
    __m512 compared = scale.divides ? _mm512_div_ps(value, factor) : _mm512_mul_ps(value, factor);
    if (scale.clamps) compared = _mm512_max_ps(_mm512_min_ps(compared, one), minus_one);
    __mmask16 negative{0};
    if (search.by_magnitude) {
      negative = _mm512_cmp_ps_mask(compared, _mm512_setzero_ps(), _CMP_LT_OQ);
      compared = _mm512_abs_ps(compared);
    }
    __m512i rank = _mm512_setzero_si512();
    for (int step = 8; step > 0; step /= 2) {
      const __m512 at = _mm512_permutexvar_ps(_mm512_add_epi32(rank, _mm512_set1_epi32(step - 1)), thresholds);
      const __mmask16 above = _mm512_cmp_ps_mask(compared, at, _CMP_GT_OQ);
      rank = _mm512_mask_add_epi32(rank, above, rank, _mm512_set1_epi32(step));
    }
    rank = _mm512_mask_add_epi32(rank, negative, rank, _mm512_set1_epi32(8));
    const __m512i code = _mm512_permutexvar_epi32(rank, codes);
    const __m512i pairs = _mm512_or_si512(_mm512_slli_epi64(code, 4), _mm512_srli_epi64(code, 32));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(packed + i / 2), _mm512_cvtepi64_epi8(pairs));
  }
}

/// bfloat16_bits() of 16 values, in the lower halves of 32-bit lanes.
PEFTLAB_AVX512 static inline __m512i bfloat16_lanes(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_mov_epi32(_mm512_srli_epi32(rounded, 16), is_nan, _mm512_set1_epi32(0x7FC0));
}

/// block_table(), in a register.
PEFTLAB_AVX512 static inline __m512 block_values(__m512 codes, float scale, Rounding rounding) {
  const __m512 values = _mm512_mul_ps(codes, _mm512_set1_ps(scale));
  if (rounding == Rounding::kBfloat16) return _mm512_castsi512_ps(_mm512_slli_epi32(bfloat16_lanes(values), 16));
  if (rounding == Rounding::kFloat32) return values;
  return _mm512_cvtph_ps(_mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/// A look-up takes the lower four bits of each 32-bit lane.
PEFTLAB_AVX512 void decode_blocks(const FourBitFormat& format, const Scales& scales, Rounding rounding,
                                  const uint8_t* packed, int64_t first, int64_t last, float* out) {
  const __m512i lower = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i upper = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const __m512 all = _mm512_loadu_ps(codes(format.type).data());
  for (int64_t block = first; block < last; ++block) {
    const __m512 table = block_values(all, scales(block), rounding);
    const uint8_t* from = packed + block * format.block_size / 2;
    for (int64_t i = 0; i < format.block_size; i += 32, out += 32) {
      const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i / 2)));
      const __m512 even = _mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table);
      const __m512 odd = _mm512_permutexvar_ps(bytes, table);
      _mm512_storeu_ps(out, _mm512_permutex2var_ps(even, lower, odd));
      _mm512_storeu_ps(out + 16, _mm512_permutex2var_ps(even, upper, odd));
    }
  }
}

/// A look-up takes the lower five bits of each 16-bit lane: with the table there twice, the fifth says nothing, and a
/// byte as it stands serves for its lower half.
PEFTLAB_AVX512 void decode_blocks(const FourBitFormat& format, const Scales& scales, Rounding rounding,
                                  const uint8_t* packed, int64_t first, int64_t last, uint16_t* out) {
  const __m512 all = _mm512_loadu_ps(codes(format.type).data());
  for (int64_t block = first; block < last; ++block) {
    const __m512i values = bfloat16_lanes(block_values(all, scales(block), rounding));
    const __m512i table = _mm512_broadcast_i64x4(_mm512_cvtepi32_epi16(values));
    const uint8_t* from = packed + block * format.block_size / 2;
    for (int64_t i = 0; i < format.block_size; i += 32, out += 32) {
      const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i / 2)));
      const __m512i index = _mm512_or_si512(_mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(bytes, 16));
      _mm512_storeu_si512(out, _mm512_permutexvar_epi16(index, table));
    }
  }
}

#else

bool can_look_up() { return false; }

float largest_magnitude(const float*, int64_t) { return 0.0f; }

void encode_block(const float*, int64_t, const BlockScale&, const Search&, uint8_t*) {}

void decode_blocks(const FourBitFormat&, const Scales&, Rounding, const uint8_t*, int64_t, int64_t, float*) {}

void decode_blocks(const FourBitFormat&, const Scales&, Rounding, const uint8_t*, int64_t, int64_t, uint16_t*) {}

#endif

}  // namespace peftlab::quant::x86
