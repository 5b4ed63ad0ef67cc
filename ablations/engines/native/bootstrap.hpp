// Bodies of bootstraps. The equations are those of ablations/dqn/bootstrap.py.
#pragma once

#include "functions.hpp"
#include "products.hpp"

// y = reward + discount evaluate(argmax_a select) of ``count`` samples, whose values are (count, A); rounded as torch does.
template <class T>
void greedy(int64_t count, int64_t actions, const T* select, const T* evaluate, const T* reward, const T* discount, T* y) {
    for (int64_t i = 0; i < count; i++)
        y[i] = reward[i] + discount[i] * evaluate[i * actions + first_largest(select + i * actions, actions)];
}

struct Munchausen {
    double alpha, tau, clip;
};

// tau log sum_a exp(Q(s, a) / tau) of n <= PAD states (n, A).
template <class T> void soft_values(int n, int64_t actions, const T* q, T tau, T* value) {
    T most[PAD], sum[PAD] = {};
    for (int i = 0; i < n; i++) most[i] = q[i * actions];
    for (int64_t a = 1; a < actions; a++)
        for (int i = 0; i < n; i++) most[i] = q[i * actions + a] > most[i] ? q[i * actions + a] : most[i];
    for (int64_t a = 0; a < actions; a++)
        for (int i = 0; i < n; i++) sum[i] += exponential((q[i * actions + a] - most[i]) / tau);
    for (int i = 0; i < n; i++) value[i] = most[i] + tau * logarithm(sum[i]);
}

// y (L, B) of rewards, discounts and actions (L, B), and of values (L, 2 B, A), of each lane's states and then of what
// follows them. False if an action is out of range.
template <class T>
bool munchausen(const Munchausen& by, int64_t lanes, int64_t batch, int64_t actions, const T* values,
                const int64_t* action, const T* reward, const T* discount, T* y) {
    for (int64_t i = 0; i < lanes * batch; i++)
        if (action[i] < 0 || action[i] >= actions) return false;
    const Flush flush;
    const T tau = T(by.tau), alpha = T(by.alpha), clip = T(by.clip);
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t b = 0; b < batch; b += PAD) {
            const int n = int(batch - b < PAD ? batch - b : PAD);
            const T *now = values + (2 * lane * batch + b) * actions, *next = now + batch * actions;
            const int64_t at = lane * batch + b;
            T soft_now[PAD], soft_next[PAD];
            soft_values(n, actions, now, tau, soft_now), soft_values(n, actions, next, tau, soft_next);
            for (int i = 0; i < n; i++) {
                T log_policy = now[i * actions + action[at + i]] - soft_now[i];  // tau log pi(a|s)
                log_policy = log_policy < clip ? clip : log_policy > 0 ? T(0) : log_policy;
                y[at + i] = (reward[at + i] + alpha * log_policy) + discount[at + i] * soft_next[i];
            }
        }
    return true;
}
