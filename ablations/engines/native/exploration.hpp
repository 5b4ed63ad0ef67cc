// Bodies of explorations. The equations are those of ablations/dqn/exploration.py.
#pragma once

#include <cstdint>

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
