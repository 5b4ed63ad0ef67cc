// Around an environment step of all lanes: what is done before the physics, CartPole's physics, and what is done after.
// The equations are those of ablations/learner.py and ablations/envs/, bit for bit.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "network.hpp"

// Of each lane's values (L, A) the first largest (a NaN counts as largest), or a uniform pick where the coin of the draws
// u (L, 2) falls below epsilon.
template <class T>
void epsilon_greedy(const T* values, int64_t lanes, int64_t actions, const double* u, double epsilon, int64_t* action) {
    for (int64_t lane = 0; lane < lanes; lane++) {
        const T* q = values + lane * actions;
        int64_t best = 0;
        for (int64_t a = 1; a < actions && q[best] == q[best]; a++)
            if (!(q[a] <= q[best])) best = a;
        const double coin = u[2 * lane], pick = u[2 * lane + 1];
        action[lane] = coin < epsilon ? int64_t(pick * double(actions)) : best;
    }
}

// An environment step of every lane. Pointers to void are to the training type.
struct Interaction {
    int64_t lanes, features, numbers, actions;  // numbers of a physical state: S
    const void* theta;                          // (L, stride)
    int64_t stride;
    void *before, *q;                // (L, D), (L, A): what was seen, and its values
    const double* u;                 // (L, 2)
    double epsilon;
    int64_t* action;                 // (L)
    double* states;                  // (S, L)
    float* obs;                      // (L, D): what is seen now
    double *cos, *sin;               // (L): of CartPole's angles before the step
    double *moved, *reward;          // (S, L), (L): what the physics gave
    uint8_t *terminated, *truncated;
    float* next_obs;                 // (L, D)
    int64_t *elapsed, *used;         // (L): steps of the episode under way; starts used
    const double* starts;            // (L, block, S): of the episodes to come
    const float* first_obs;          // (L, block, D)
    int64_t block, limit, bootstrap_truncated, sutton_barto;
    double gamma;
    void *stored_reward, *stored_discount, *stored_next;  // (L), (L), (L, D)
};

// Choose actions from what is seen.
template <class T> void act(Network<T>& network, const Interaction& x) {
    T* before = (T*)x.before;
    for (int64_t i = 0; i < x.lanes * x.features; i++) before[i] = T(x.obs[i]);
    network.values(x.lanes, 1, (const T*)x.theta, x.stride, before, x.features, x.features, (T*)x.q);
    epsilon_greedy((const T*)x.q, x.lanes, x.actions, x.u, x.epsilon, x.action);
}

// ablations/envs/cartpole.py, whose operations and their order these are.
inline void cartpole(const Interaction& x) {
    const double gravity = 9.8, pole = 0.1, total = 0.1 + 1.0, length = 0.5, pole_length = 0.1 * 0.5;
    const double four_thirds = 4.0 / 3.0, tau = 0.02, most_x = 2.4;
    const double most_theta = 12 * 2 * 3.141592653589793 / 360;
    const int64_t n = x.lanes;
    for (int64_t i = 0; i < n; i++) {
        const double x_dot = x.states[n + i], theta_dot = x.states[3 * n + i], cos = x.cos[i], sin = x.sin[i];
        const double force = x.action[i] ? 10.0 : -10.0;
        const double temp = (force + pole_length * (theta_dot * theta_dot) * sin) / total;
        const double theta_acc =
            (gravity * sin - cos * temp) / (length * (four_thirds - pole * (cos * cos) / total));
        const double rates[4] = {x_dot, temp - pole_length * theta_acc * cos / total, theta_dot, theta_acc};
        for (int64_t s = 0; s < 4; s++) x.moved[s * n + i] = x.states[s * n + i] + tau * rates[s];
        x.terminated[i] = std::fabs(x.moved[i]) > most_x || std::fabs(x.moved[2 * n + i]) > most_theta;
        x.reward[i] = !x.sutton_barto ? 1.0 : x.terminated[i] ? -1.0 : 0.0;
        for (int64_t s = 0; s < 4; s++) x.next_obs[4 * i + s] = float(x.moved[s * n + i]);
    }
}

// Time limits, the next episodes, and what is stored of the step. How many lanes have used their last start.
template <class T> int64_t settle(const Interaction& x) {
    int64_t exhausted = 0;
    const int64_t D = x.features, S = x.numbers;
    for (int64_t lane = 0; lane < x.lanes; lane++) {
        x.elapsed[lane]++;
        const bool terminated = x.terminated[lane], truncated = x.elapsed[lane] >= x.limit;
        x.truncated[lane] = truncated;
        const bool cut = terminated || (truncated && !x.bootstrap_truncated);
        ((T*)x.stored_reward)[lane] = T(x.reward[lane]);
        ((T*)x.stored_discount)[lane] = T(x.gamma) * T(!cut);
        T* next = (T*)x.stored_next + lane * D;
        for (int64_t d = 0; d < D; d++) next[d] = T(x.next_obs[lane * D + d]);
        if (terminated || truncated) {
            const int64_t start = lane * x.block + x.used[lane];
            for (int64_t s = 0; s < S; s++) x.states[s * x.lanes + lane] = x.starts[start * S + s];
            memcpy(x.obs + lane * D, x.first_obs + start * D, sizeof(float) * D);
            x.elapsed[lane] = 0;
            exhausted += ++x.used[lane] == x.block;
        } else {
            for (int64_t s = 0; s < S; s++) x.states[s * x.lanes + lane] = x.moved[s * x.lanes + lane];
            memcpy(x.obs + lane * D, x.next_obs + lane * D, sizeof(float) * D);
        }
    }
    return exhausted;
}
