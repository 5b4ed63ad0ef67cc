// Bodies of optimizers: a lane's gradient measured, clipped and descended. torch.optim's rules: Adam (betas 0.9, 0.999),
// RMSprop, SGD.
#pragma once

#include <cmath>
#include <cstdint>

#include "products.hpp"

enum class RuleKind : int64_t { none = -1, adam, rmsprop, sgd };

struct Rule {
    RuleKind kind;
    bool centered;                               // RMSprop
    double learning_rate, eps, max_norm, decay;  // max_norm 0: no clipping; decay: RMSprop's
    double correction_1, correction_2;           // Adam's 1 - beta^t
};

// The Euclidean norm of n numbers (n a multiple of PAD); whether all are finite. PAD partial sums, then a fixed order.
template <class T> bool measure(const T* slope, long n, T& norm) {
    constexpr int W = Vec<T>::W, N = PAD / W;
    Vec<T> squares[N], zeros[N];
    for (int v = 0; v < N; v++) squares[v] = zeros[v] = Vec<T>::all(0);
    for (long p = 0; p < n; p += PAD)
#pragma GCC unroll 8
        for (int v = 0; v < N; v++) {
            const Vec<T> g = Vec<T>::load(slope + p + v * W);
            squares[v] = fma(g, g, squares[v]);
            zeros[v] = fma(g, Vec<T>::all(0), zeros[v]);  // NaN once g is not finite
        }
    norm = std::sqrt(total(squares));
    return total(zeros) == 0;
}

// Scale the gradient if it is longer than the rule allows. Whether it is finite, and its norm before.
template <class T> bool clip(const Rule& rule, T* slope, long n, T& norm) {
    bool finite = measure(slope, n, norm);
    if (rule.max_norm > 0) {
        finite &= std::isfinite(norm);
        const T factor = T(rule.max_norm) / (norm + T(1e-6));
        const Vec<T> f = Vec<T>::all(factor);
        if (factor < 1)
            for (long p = 0; p < n; p += Vec<T>::W) (Vec<T>::load(slope + p) * f).store(slope + p);
    }
    return finite;
}

template <class T> void step(const Rule& rule, const T* slope, long n, T* theta, T* first, T* second) {
    typedef Vec<T> V;
    const double rate = rule.learning_rate;
    switch (rule.kind) {
    case RuleKind::adam: {
        const V towards = V::all(T(1 - 0.9)), keep = V::all(T(0.999)), gain = V::all(T(1 - 0.999));
        const V size_of_step = V::all(T(rate / rule.correction_1)), eps = V::all(T(rule.eps));
        const V correction = V::all(T(1 / std::sqrt(rule.correction_2)));
        for (long p = 0; p < n; p += V::W) {
            const V g = V::load(slope + p);
            V m = V::load(first + p), v = V::load(second + p);
            m = fma(g - m, towards, m);
            v = fma(gain * g, g, keep * v);
            m.store(first + p), v.store(second + p);
            (V::load(theta + p) - size_of_step * m / (fma(root(v), correction, eps))).store(theta + p);
        }
        return;
    }
    case RuleKind::rmsprop: {
        const V keep = V::all(T(rule.decay)), gain = V::all(T(1 - rule.decay));
        const V eps = V::all(T(rule.eps)), r = V::all(T(rate)), zero = V::all(0);
        for (long p = 0; p < n; p += V::W) {
            const V g = V::load(slope + p), v = fma(gain * g, g, keep * V::load(second + p));
            v.store(second + p);
            V size = v;
            if (rule.centered) {
                V m = V::load(first + p);
                m = fma(g - m, gain, m);
                m.store(first + p);
                size = relu(fma(zero - m, m, v));  // rounding may go below zero
            }
            (V::load(theta + p) - r * g / (root(size) + eps)).store(theta + p);
        }
        return;
    }
    case RuleKind::sgd: {
        const V r = V::all(T(rate));
        for (long p = 0; p < n; p += V::W) (V::load(theta + p) - r * V::load(slope + p)).store(theta + p);
        return;
    }
    case RuleKind::none:
        return;
    }
}
