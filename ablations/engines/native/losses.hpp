// Bodies of losses of one value per action, and what else is told of a batch. The equations are those of
// ablations/dqn/loss.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

enum class LossKind : int64_t { squared, huber };

// delta = y - Q(s, a), the mean of weight * penalty(delta), and its gradient by Q (B, A).
template <class T>
T penalties(LossKind kind, int B, int actions, const T* q, const int64_t* action, const T* y, const T* weight, T* delta,
            T* by_q) {
    memset(by_q, 0, sizeof(T) * B * actions);
    T sum = 0;
    for (int b = 0; b < B; b++) {
        const T d = delta[b] = y[b] - q[b * actions + action[b]];
        const T size = std::fabs(d);
        T penalty = T(0.5) * d * d, by_delta = d;
        if (kind == LossKind::huber && size > 1) penalty = size - T(0.5), by_delta = d > 0 ? T(1) : T(-1);
        sum += weight[b] * penalty;
        by_q[b * actions + action[b]] = -(weight[b] * by_delta) / T(B);
    }
    return sum / T(B);
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
