#include "core/kernels/loops/matrix_unit.h"

#include <atomic>

#include "core/kernels/loops/wide_lane.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define PEFTLAB_UNIT __attribute__((target(PEFTLAB_WIDE_TARGET ",amx-tile,amx-bf16")))
#endif

namespace peftlab::kernels::loops {

namespace {

std::atomic<int> num_off{0};

#if defined(PEFTLAB_UNIT)

/// Bits of cpuid's leaf 7. Reference: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A, CPUID.
constexpr unsigned kHasBf16Tiles = 1u << 22, kHasTiles = 1u << 24;

bool processor_has_unit() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kHasBf16Tiles) != 0 && (d & kHasTiles) != 0;
}

/// Linux gives the tiles to a process that asks. Reference: Linux kernel, Documentation/arch/x86/xstate.rst.
bool system_gives_unit() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool find_unit() { return has_wide_registers() && processor_has_unit() && system_gives_unit(); }

/// What LDTILECFG reads: all eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

PEFTLAB_UNIT void set_up() {
  static const TileConfiguration configuration;
  _tile_loadconfig(&configuration);
}

PEFTLAB_UNIT void give_back() { _tile_release(); }

struct UnitOperands {
  int64_t k;
  const Bfloat16* a;
  int64_t a_bytes;  // from row to row
  const Bfloat16* b;
  int64_t b_bytes;
  float* c;
  int64_t c_bytes;
  bool add;
};

PEFTLAB_INLINE UnitOperands moved(UnitOperands p, int64_t row, int64_t column) {
  p.a += row * p.a_bytes / static_cast<int64_t>(sizeof(Bfloat16));
  p.b += 2 * column;
  p.c += row * p.c_bytes / static_cast<int64_t>(sizeof(float)) + column;
  return p;
}

/// The n-th tile of rows below `at`.
template <typename T>
PEFTLAB_INLINE T* lower(T* at, int64_t bytes, int64_t n = 1) {
  return at + n * kUnitSide * bytes / static_cast<int64_t>(sizeof(T));
}

/// Tiles 0 to 3 hold sums (two by two), 4 and 5 a's rows, 6 and 7 b's columns. The numbers of tiles must be literals.
PEFTLAB_UNIT void four_tiles(const UnitOperands& p) {
  float* second = lower(p.c, p.c_bytes);
  if (p.add) {
    _tile_loadd(0, p.c, p.c_bytes);
    _tile_loadd(1, p.c + kUnitSide, p.c_bytes);
    _tile_loadd(2, second, p.c_bytes);
    _tile_loadd(3, second + kUnitSide, p.c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const Bfloat16* b = p.b;
  for (int64_t l = 0; l < p.k; l += kUnitDepth, b = lower(b, p.b_bytes)) {
    _tile_loadd(6, b, p.b_bytes);
    _tile_loadd(4, p.a + l, p.a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + 2 * kUnitSide, p.b_bytes);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, lower(p.a, p.a_bytes) + l, p.a_bytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, p.c, p.c_bytes);
  _tile_stored(1, p.c + kUnitSide, p.c_bytes);
  _tile_stored(2, second, p.c_bytes);
  _tile_stored(3, second + kUnitSide, p.c_bytes);
}

/// Four tiles of sums below each other. (A sum waits for the one before it: four at a time keep the unit busy.)
PEFTLAB_UNIT void four_below(const UnitOperands& p) {
  if (p.add) {
    _tile_loadd(0, p.c, p.c_bytes);
    _tile_loadd(1, lower(p.c, p.c_bytes), p.c_bytes);
    _tile_loadd(2, lower(p.c, p.c_bytes, 2), p.c_bytes);
    _tile_loadd(3, lower(p.c, p.c_bytes, 3), p.c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const Bfloat16* b = p.b;
  for (int64_t l = 0; l < p.k; l += kUnitDepth, b = lower(b, p.b_bytes)) {
    _tile_loadd(6, b, p.b_bytes);
    _tile_loadd(4, p.a + l, p.a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, lower(p.a, p.a_bytes) + l, p.a_bytes);
    _tile_dpbf16ps(1, 5, 6);
    _tile_loadd(7, lower(p.a, p.a_bytes, 2) + l, p.a_bytes);
    _tile_dpbf16ps(2, 7, 6);
    _tile_loadd(4, lower(p.a, p.a_bytes, 3) + l, p.a_bytes);
    _tile_dpbf16ps(3, 4, 6);
  }
  _tile_stored(0, p.c, p.c_bytes);
  _tile_stored(1, lower(p.c, p.c_bytes), p.c_bytes);
  _tile_stored(2, lower(p.c, p.c_bytes, 2), p.c_bytes);
  _tile_stored(3, lower(p.c, p.c_bytes, 3), p.c_bytes);
}

/// Four tiles of sums beside each other.
PEFTLAB_UNIT void four_beside(const UnitOperands& p) {
  if (p.add) {
    _tile_loadd(0, p.c, p.c_bytes);
    _tile_loadd(1, p.c + kUnitSide, p.c_bytes);
    _tile_loadd(2, p.c + 2 * kUnitSide, p.c_bytes);
    _tile_loadd(3, p.c + 3 * kUnitSide, p.c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const Bfloat16* b = p.b;
  for (int64_t l = 0; l < p.k; l += kUnitDepth, b = lower(b, p.b_bytes)) {
    _tile_loadd(4, p.a + l, p.a_bytes);
    _tile_loadd(5, b, p.b_bytes);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(6, b + 2 * kUnitSide, p.b_bytes);
    _tile_dpbf16ps(1, 4, 6);
    _tile_loadd(7, b + 4 * kUnitSide, p.b_bytes);
    _tile_dpbf16ps(2, 4, 7);
    _tile_loadd(5, b + 6 * kUnitSide, p.b_bytes);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(0, p.c, p.c_bytes);
  _tile_stored(1, p.c + kUnitSide, p.c_bytes);
  _tile_stored(2, p.c + 2 * kUnitSide, p.c_bytes);
  _tile_stored(3, p.c + 3 * kUnitSide, p.c_bytes);
}

/// What the others leave at the edges.
PEFTLAB_UNIT void one_tile(const UnitOperands& p) {
  if (p.add) {
    _tile_loadd(0, p.c, p.c_bytes);
  } else {
    _tile_zero(0);
  }
  const Bfloat16* b = p.b;
  for (int64_t l = 0; l < p.k; l += kUnitDepth, b = lower(b, p.b_bytes)) {
    _tile_loadd(4, p.a + l, p.a_bytes);
    _tile_loadd(6, b, p.b_bytes);
    _tile_dpbf16ps(0, 4, 6);
  }
  _tile_stored(0, p.c, p.c_bytes);
}

/// One tile of rows by n columns.
void last_rows(const UnitOperands& p, int64_t row, int64_t n) {
  int64_t j = 0;
  for (; j + 4 * kUnitSide <= n; j += 4 * kUnitSide) four_beside(moved(p, row, j));
  for (; j < n; j += kUnitSide) one_tile(moved(p, row, j));
}

/// m rows by one tile of columns.
void last_columns(const UnitOperands& p, int64_t m, int64_t column) {
  int64_t i = 0;
  for (; i + 4 * kUnitSide <= m; i += 4 * kUnitSide) four_below(moved(p, i, column));
  for (; i < m; i += kUnitSide) one_tile(moved(p, i, column));
}

#endif

}  // namespace

MatrixUnitOff::MatrixUnitOff() { ++num_off; }
MatrixUnitOff::~MatrixUnitOff() { --num_off; }

#if defined(PEFTLAB_UNIT)

bool has_matrix_unit() {
  static const bool has = find_unit();
  return has && num_off == 0;
}

MatrixUnit::MatrixUnit() { set_up(); }
MatrixUnit::~MatrixUnit() { give_back(); }

void unit_product(int64_t m, int64_t n, int64_t k, const Bfloat16* a, int64_t lda, Pairs b, float* c, int64_t ldc,
                  bool add) {
  constexpr int64_t kBfloat16 = sizeof(Bfloat16), kFloat = sizeof(float);
  const UnitOperands all{k, a, lda * kBfloat16, b.data, b.step * kBfloat16, c, ldc * kFloat, add};
  int64_t i = 0;
  for (; i + 2 * kUnitSide <= m; i += 2 * kUnitSide) {
    for (int64_t j = 0; j + 2 * kUnitSide <= n; j += 2 * kUnitSide) four_tiles(moved(all, i, j));
  }
  if (i < m) last_rows(all, i, n);
  if (n % (2 * kUnitSide) != 0) last_columns(all, i, n - kUnitSide);
}

#else

bool has_matrix_unit() { return false; }
MatrixUnit::MatrixUnit() = default;
MatrixUnit::~MatrixUnit() = default;
void unit_product(int64_t, int64_t, int64_t, const Bfloat16*, int64_t, Pairs, float*, int64_t, bool) {}

#endif

}  // namespace peftlab::kernels::loops
