// Bodies of explorations. The equations are those of ablations/dqn/exploration.py.
#pragma once

#include "functions.hpp"

// Of each lane's values (L, A) the first largest, or a uniform pick where the coin of the draws
// u (L, 2) falls below epsilon.
template <class T>
void epsilon_greedy(const T* values, int64_t lanes, int64_t actions, const double* u, double epsilon, int64_t* action) {
    for (int64_t lane = 0; lane < lanes; lane++) {
        const int64_t best = first_largest(values + lane * actions, actions);
        const double coin = u[2 * lane], pick = u[2 * lane + 1];
        action[lane] = coin < epsilon ? int64_t(pick * double(actions)) : best;
    }
}
