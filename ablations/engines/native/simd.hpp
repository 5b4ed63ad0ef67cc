// One vector type per number type and instruction set: loads, stores and the few operations that the kernels need.
//
// Every operation here rounds once, as IEEE 754 says, on every instruction set, and nothing is contracted behind our
// back (-ffp-contract=off). Kernels fix the order of their sums independently of W, so results are the same bits on
// AVX2, AVX-512 and NEON.
#pragma once

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#else
#error "needs AVX2 with FMA, AVX-512 or NEON"
#endif

#define INLINE inline __attribute__((always_inline))

// While one lives, numbers below the smallest normal one (1.2e-38 in float) count as zero: processors take over a hundred
// cycles for each of them, and the moments of units that have died are full of them.
class Flush {
  public:
#if defined(__AVX512F__) || defined(__AVX2__)
    Flush() : before(_mm_getcsr()) { _mm_setcsr(before | 0x8040); }
    ~Flush() { _mm_setcsr(before); }

  private:
    unsigned before;
#else
    Flush() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" : : "r"(before | (1ul << 24)));
    }
    ~Flush() { asm volatile("msr fpcr, %0" : : "r"(before)); }

  private:
    unsigned long before;
#endif
};

template <class T> struct Vec;

#if defined(__AVX512F__) || defined(__AVX2__)
// The sum of a vector's numbers, the upper half added to the lower until one is left.
INLINE float halves(__m128 x) {
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
INLINE double halves(__m128d x) { return _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x))); }
INLINE float halves(__m256 x) { return halves(_mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1))); }
INLINE double halves(__m256d x) { return halves(_mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1))); }
#endif

#if defined(__AVX512F__)
#define INSTRUCTION_SET "AVX512"
#define REGISTERS 32

template <> struct Vec<float> {
    static constexpr int W = 16;
    __m512 v;
    static INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
    static INLINE Vec all(float x) { return {_mm512_set1_ps(x)}; }
    INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
};
INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
INLINE Vec<float> operator+(Vec<float> a, Vec<float> b) { return {_mm512_add_ps(a.v, b.v)}; }
INLINE Vec<float> operator-(Vec<float> a, Vec<float> b) { return {_mm512_sub_ps(a.v, b.v)}; }
INLINE Vec<float> operator*(Vec<float> a, Vec<float> b) { return {_mm512_mul_ps(a.v, b.v)}; }
INLINE Vec<float> operator/(Vec<float> a, Vec<float> b) { return {_mm512_div_ps(a.v, b.v)}; }
INLINE Vec<float> root(Vec<float> a) { return {_mm512_sqrt_ps(a.v)}; }
// g where h > 0 or NaN, else 0
INLINE float halves(Vec<float> x) {
    return halves(_mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1)));
}
INLINE Vec<float> where_active(Vec<float> g, Vec<float> h) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(h.v, _mm512_setzero_ps(), _CMP_NLE_UQ), g.v)};
}

template <> struct Vec<double> {
    static constexpr int W = 8;
    __m512d v;
    static INLINE Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
    static INLINE Vec all(double x) { return {_mm512_set1_pd(x)}; }
    INLINE void store(double* p) const { _mm512_storeu_pd(p, v); }
};
INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
INLINE Vec<double> operator+(Vec<double> a, Vec<double> b) { return {_mm512_add_pd(a.v, b.v)}; }
INLINE Vec<double> operator-(Vec<double> a, Vec<double> b) { return {_mm512_sub_pd(a.v, b.v)}; }
INLINE Vec<double> operator*(Vec<double> a, Vec<double> b) { return {_mm512_mul_pd(a.v, b.v)}; }
INLINE Vec<double> operator/(Vec<double> a, Vec<double> b) { return {_mm512_div_pd(a.v, b.v)}; }
INLINE Vec<double> root(Vec<double> a) { return {_mm512_sqrt_pd(a.v)}; }
INLINE double halves(Vec<double> x) {
    return halves(_mm256_add_pd(_mm512_castpd512_pd256(x.v), _mm512_extractf64x4_pd(x.v, 1)));
}
INLINE Vec<double> where_active(Vec<double> g, Vec<double> h) {
    return {_mm512_maskz_mov_pd(_mm512_cmp_pd_mask(h.v, _mm512_setzero_pd(), _CMP_NLE_UQ), g.v)};
}

#elif defined(__AVX2__)
#define INSTRUCTION_SET "AVX2"
#define REGISTERS 16

template <> struct Vec<float> {
    static constexpr int W = 8;
    __m256 v;
    static INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
    static INLINE Vec all(float x) { return {_mm256_set1_ps(x)}; }
    INLINE void store(float* p) const { _mm256_storeu_ps(p, v); }
};
INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
INLINE Vec<float> operator+(Vec<float> a, Vec<float> b) { return {_mm256_add_ps(a.v, b.v)}; }
INLINE Vec<float> operator-(Vec<float> a, Vec<float> b) { return {_mm256_sub_ps(a.v, b.v)}; }
INLINE Vec<float> operator*(Vec<float> a, Vec<float> b) { return {_mm256_mul_ps(a.v, b.v)}; }
INLINE Vec<float> operator/(Vec<float> a, Vec<float> b) { return {_mm256_div_ps(a.v, b.v)}; }
INLINE Vec<float> root(Vec<float> a) { return {_mm256_sqrt_ps(a.v)}; }
INLINE float halves(Vec<float> x) { return halves(x.v); }
INLINE Vec<float> where_active(Vec<float> g, Vec<float> h) {
    return {_mm256_and_ps(_mm256_cmp_ps(h.v, _mm256_setzero_ps(), _CMP_NLE_UQ), g.v)};
}

template <> struct Vec<double> {
    static constexpr int W = 4;
    __m256d v;
    static INLINE Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
    static INLINE Vec all(double x) { return {_mm256_set1_pd(x)}; }
    INLINE void store(double* p) const { _mm256_storeu_pd(p, v); }
};
INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
INLINE Vec<double> operator+(Vec<double> a, Vec<double> b) { return {_mm256_add_pd(a.v, b.v)}; }
INLINE Vec<double> operator-(Vec<double> a, Vec<double> b) { return {_mm256_sub_pd(a.v, b.v)}; }
INLINE Vec<double> operator*(Vec<double> a, Vec<double> b) { return {_mm256_mul_pd(a.v, b.v)}; }
INLINE Vec<double> operator/(Vec<double> a, Vec<double> b) { return {_mm256_div_pd(a.v, b.v)}; }
INLINE Vec<double> root(Vec<double> a) { return {_mm256_sqrt_pd(a.v)}; }
INLINE double halves(Vec<double> x) { return halves(x.v); }
INLINE Vec<double> where_active(Vec<double> g, Vec<double> h) {
    return {_mm256_and_pd(_mm256_cmp_pd(h.v, _mm256_setzero_pd(), _CMP_NLE_UQ), g.v)};
}

#else
#define INSTRUCTION_SET "NEON"
#define REGISTERS 32

template <> struct Vec<float> {
    static constexpr int W = 4;
    float32x4_t v;
    static INLINE Vec load(const float* p) { return {vld1q_f32(p)}; }
    static INLINE Vec all(float x) { return {vdupq_n_f32(x)}; }
    INLINE void store(float* p) const { vst1q_f32(p, v); }
};
INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
INLINE Vec<float> operator+(Vec<float> a, Vec<float> b) { return {vaddq_f32(a.v, b.v)}; }
INLINE Vec<float> operator-(Vec<float> a, Vec<float> b) { return {vsubq_f32(a.v, b.v)}; }
INLINE Vec<float> operator*(Vec<float> a, Vec<float> b) { return {vmulq_f32(a.v, b.v)}; }
INLINE Vec<float> operator/(Vec<float> a, Vec<float> b) { return {vdivq_f32(a.v, b.v)}; }
INLINE Vec<float> root(Vec<float> a) { return {vsqrtq_f32(a.v)}; }
// The sum of a vector's numbers, the upper half added to the lower until one is left.
INLINE float halves(Vec<float> x) {
    const float32x2_t two = vadd_f32(vget_low_f32(x.v), vget_high_f32(x.v));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
INLINE Vec<float> where_active(Vec<float> g, Vec<float> h) {
    return {vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(g.v), vcleq_f32(h.v, vdupq_n_f32(0))))};
}

template <> struct Vec<double> {
    static constexpr int W = 2;
    float64x2_t v;
    static INLINE Vec load(const double* p) { return {vld1q_f64(p)}; }
    static INLINE Vec all(double x) { return {vdupq_n_f64(x)}; }
    INLINE void store(double* p) const { vst1q_f64(p, v); }
};
INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
INLINE Vec<double> operator+(Vec<double> a, Vec<double> b) { return {vaddq_f64(a.v, b.v)}; }
INLINE Vec<double> operator-(Vec<double> a, Vec<double> b) { return {vsubq_f64(a.v, b.v)}; }
INLINE Vec<double> operator*(Vec<double> a, Vec<double> b) { return {vmulq_f64(a.v, b.v)}; }
INLINE Vec<double> operator/(Vec<double> a, Vec<double> b) { return {vdivq_f64(a.v, b.v)}; }
INLINE Vec<double> root(Vec<double> a) { return {vsqrtq_f64(a.v)}; }
INLINE double halves(Vec<double> x) { return vgetq_lane_f64(x.v, 0) + vgetq_lane_f64(x.v, 1); }
INLINE Vec<double> where_active(Vec<double> g, Vec<double> h) {
    return {vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(g.v), vcleq_f64(h.v, vdupq_n_f64(0))))};
}

#endif

// x where x > 0 or NaN, else 0
template <class T> INLINE Vec<T> relu(Vec<T> x) { return where_active(x, x); }
