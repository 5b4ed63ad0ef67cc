// A step of environments over arrays: CartPole's physics, time limits and the next episodes.
// The equations are those of ablations/envs/cartpole.py and vectorized.py, bit for bit.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

struct Stepping {
    int64_t lanes, features, numbers;  // numbers of a physical state: S
    const int64_t* action;             // (L)
    double* states;                    // (S, L)
    double *cos, *sin;                 // (L): of CartPole's angles before the step
    double *moved, *reward;            // (S, L), (L): what the physics gave
    uint8_t *terminated, *truncated;   // (L)
    float *next_obs, *obs;             // (L, D): what is seen of the step's outcome; what is seen now
    int64_t *elapsed, *used;           // (L): steps of the episode under way; starts used
    const double* starts;              // (L, block, S): of the episodes to come
    const float* first_obs;            // (L, block, D)
    int64_t block, limit, sutton_barto;
};

// The operations and their order are those of ablations/envs/cartpole.py.
inline void cartpole(const Stepping& x) {
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

// Time limits and the next episodes. How many lanes have used their last start.
inline int64_t go_on(const Stepping& x) {
    int64_t exhausted = 0;
    const int64_t D = x.features, S = x.numbers;
    for (int64_t lane = 0; lane < x.lanes; lane++) {
        x.elapsed[lane]++;
        x.truncated[lane] = x.elapsed[lane] >= x.limit;
        if (x.terminated[lane] || x.truncated[lane]) {
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
