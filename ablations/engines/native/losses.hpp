// Bodies of losses of one value per action, and what else is told of a batch. The equations are those of
// ablations/dqn/loss.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

enum class LossKind : int64_t { squared, huber, hl_gauss };

// delta = y - Q(s, a), (B).
template <class T> void td_errors(int B, int actions, const T* q, const int64_t* action, const T* y, T* delta) {
    for (int b = 0; b < B; b++) delta[b] = y[b] - q[b * actions + action[b]];
}

// The mean of weight * penalty(delta), and its gradient by delta (B).
template <class T> T penalties(LossKind kind, int B, const T* delta, const T* weight, T* by_delta) {
    T sum = 0;
    for (int b = 0; b < B; b++) {
        const T d = delta[b], size = std::fabs(d);
        T penalty = T(0.5) * d * d, slope = d;
        if (kind == LossKind::huber && size > 1) penalty = size - T(0.5), slope = d > 0 ? T(1) : T(-1);
        sum += weight[b] * penalty;
        by_delta[b] = (weight[b] * slope) / T(B);
    }
    return sum / T(B);
}

// From the gradient by delta (B) to that by Q (B, A).
template <class T> void by_values(int B, int actions, const int64_t* action, const T* by_delta, T* by_q) {
    memset(by_q, 0, sizeof(T) * B * actions);
    for (int b = 0; b < B; b++) by_q[b * actions + action[b]] = -by_delta[b];
}

// max |q| of n numbers; NaN if one is.
template <class T> T largest(const T* q, int n) {
    T most = 0;
    for (int i = 0; i < n; i++) {
        const T x = std::fabs(q[i]);
        if (!(x <= most)) most = x;
        if (x != x) return x;
    }
    return most;
}
