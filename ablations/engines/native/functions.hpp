// Exponential, logarithm and normal distribution function: a fixed sequence of operations that round once each, without
// a branch, so that compilers turn loops of them into vectors and results are the same bits on every instruction set.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "simd.hpp"

// Of n numbers the place of the first largest; a NaN counts as larger than any.
template <class T> INLINE int64_t first_largest(const T* x, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n && x[best] == x[best]; i++)
        if (!(x[i] <= x[best])) best = i;
    return best;
}

// How numbers of a type lie in memory, and how many terms of a series they can tell.
template <class T> struct Format;

template <> struct Format<float> {
    typedef uint32_t Word;
    static constexpr int FRACTION = 23, BIAS = 127, POWERS = 7, ROOTS = 5, NORMAL = 11;
    static constexpr float LEAST = -87, LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
    static constexpr float TAIL[NORMAL] = {
        0.255395678f, 0.171790159f, 0.0698678668f, 0.00911083471f, -0.00537581309f, -0.00162172596f,
        0.00076457858f, 0.000215335244f, -0.000149691356f, -1.83009385e-05f, 2.10805986e-05f};
};

template <> struct Format<double> {
    typedef uint64_t Word;
    static constexpr int FRACTION = 52, BIAS = 1023, POWERS = 13, ROOTS = 11, NORMAL = 23;
    static constexpr double LEAST = -708, LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
    static constexpr double TAIL[NORMAL] = {
        0.25539567631050586, 0.17179017110347147, 0.06986802313897436, 0.009110557875054338, -0.005377665470445257,
        -0.001619796223346195, 0.0007726529777057729, 0.0002093234885693622, -0.00016576800554948527,
        -8.58931428869346e-06, 3.611548633526406e-05, -8.551810014063257e-06, -5.415698305480428e-06,
        4.068834109569865e-06, -3.025665899099883e-07, -9.780160058898917e-07, 5.370356839997267e-07,
        7.544653542345831e-08, -1.8585572938175165e-07, 2.743184432956379e-08, 3.3067248910649423e-08,
        -6.759399933730143e-09, -2.4763650331322767e-09};
};

constexpr double FACTORIALS[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600, 6227020800};

template <class T> INLINE typename Format<T>::Word word_of(T x) {
    typename Format<T>::Word w;
    memcpy(&w, &x, sizeof w);
    return w;
}

template <class T> INLINE T number_of(typename Format<T>::Word w) {
    T x;
    memcpy(&x, &w, sizeof x);
    return x;
}

// The smaller size of x and ``most``, NaN for NaN or infinity: numbers of one sign are in order as words are.
template <class T> INLINE T bounded(T x, T most) {
    const auto w = word_of(x), limit = word_of(most);
    return number_of<T>(w < limit ? w : limit) + (x - x);
}

// e^x for x <= 0: 2^n e^r with |r| <= ln(2) / 2. Below LEAST it is e^LEAST, next to nothing.
template <class T> INLINE T exponential(T x) {
    typedef Format<T> F;
    const T shift = T(1.5) * T(typename F::Word(1) << F::FRACTION);  // what is added to it is rounded to a whole number
    x = bounded(x, F::LEAST);
    const T shifted = std::fma(x, T(1.4426950408889634), shift), n = shifted - shift;
    const T r = std::fma(-n, F::LN2_LOW, std::fma(-n, F::LN2_HIGH, x));
    T sum = T(1 / FACTORIALS[F::POWERS]);
#pragma GCC unroll 16
    for (int k = F::POWERS - 1; k >= 0; k--) sum = std::fma(sum, r, T(1 / FACTORIALS[k]));
    return sum * number_of<T>((word_of(shifted) + F::BIAS) << F::FRACTION);
}

// ln x for x >= 1: k ln(2) + 2 artanh((f - 1) / (f + 1)) with f in [sqrt(1/2), sqrt(2)).
template <class T> INLINE T logarithm(T x) {
    typedef Format<T> F;
    typedef typename F::Word Word;
    const Word half = word_of(T(0.7071067811865476)), one = word_of(T(1));
    const Word w = word_of(x) + (one - half);
    const T whole = T(Word(1) << F::FRACTION);  // a number whose last bits count ones
    const T k = number_of<T>((w >> F::FRACTION) + word_of(whole)) - (whole + T(F::BIAS));
    const T f = number_of<T>((w & ((Word(1) << F::FRACTION) - 1)) + half);
    const T z = (f - 1) / (f + 1), square = z * z;
    T sum = 0;
#pragma GCC unroll 16
    for (int i = F::ROOTS - 1; i >= 0; i--) sum = std::fma(sum, square, T(2.0 / (2 * i + 1)));
    return std::fma(k, F::LN2_HIGH, std::fma(k, F::LN2_LOW, z * sum)) + (x - x);  // NaN stays NaN
}

// The share of a standard normal distribution below x. Below -a it is e^(-a^2 / 2) t G(2 t - 1), t = 2 / (2 + a / sqrt(2)),
// G a polynomial: Chebyshev's series of e^(z^2) erfc(z) / (2 t), z = a / sqrt(2), cut off, in powers.
template <class T> INLINE T normal(T x) {
    typedef Format<T> F;
    const T a = bounded(std::fabs(x), T(40)), t = T(2) / std::fma(a, T(0.7071067811865476), T(2)), s = std::fma(T(2), t, T(-1));
    T sum = F::TAIL[F::NORMAL - 1];
#pragma GCC unroll 32
    for (int k = F::NORMAL - 2; k >= 0; k--) sum = std::fma(sum, s, F::TAIL[k]);
    const T tail = exponential(T(-0.5) * a * a) * (t * sum);
    return T(0.5) + std::copysign(T(0.5) - tail, x);
}
