// Under the replay pieces: rows of a ring, and sum trees. Arithmetic is that of ablations/replay/sumtree.py, bit for bit.
#pragma once

#include <cstdint>
#include <cstring>

// out (L, B, row) = rows (L, N, row)[index (L, B)]; sizes in bytes. False if an index is out of range.
inline bool take(const char* rows, int64_t lanes, int64_t capacity, int64_t row, const int64_t* index, int64_t batch,
                 char* out) {
    for (int64_t i = 0; i < lanes * batch; i++)
        if (index[i] < 0 || index[i] >= capacity) return false;
    const int64_t ahead = batch;  // rows lie anywhere: ask for a lane's while the lane before is copied
    const auto from = [&](int64_t i) { return rows + (i / batch * capacity + index[i]) * row; };
    for (int64_t i = 0; i < ahead && i < lanes * batch; i++) __builtin_prefetch(from(i));
    for (int64_t lane = 0; lane < lanes; lane++) {
        const char* mine = rows + lane * capacity * row;
        const int64_t* at = index + lane * batch;
        if (lane + 1 < lanes)
            for (int64_t b = 0; b < batch; b++) {
                const char* next = mine + (capacity + at[batch + b]) * row;
                for (int64_t line = 0; line < row; line += 64) __builtin_prefetch(next + line);
            }
        char* to = out + lane * batch * row;
        if (row == 64)
            for (int64_t b = 0; b < batch; b++) memcpy(to + b * 64, mine + at[b] * 64, 64);
        else
            for (int64_t b = 0; b < batch; b++) memcpy(to + b * row, mine + at[b] * row, row);
    }
    return true;
}

// One row per lane: [obs, next_obs, action, reward, discount].
template <class T>
void put(T* rows, int64_t lanes, int64_t capacity, int64_t row, int64_t slot, int64_t features, const T* obs,
         const T* next_obs, const int64_t* action, const T* reward, const T* discount) {
    for (int64_t lane = 0; lane < lanes; lane++) {
        T* to = rows + (lane * capacity + slot) * row;
        memcpy(to, obs + lane * features, sizeof(T) * features);
        memcpy(to + features, next_obs + lane * features, sizeof(T) * features);
        to[2 * features] = T(action[lane]);
        to[2 * features + 1] = reward[lane];
        to[2 * features + 2] = discount[lane];
    }
}

// Leaves index (L, B) of the trees nodes (L, 2 M) become value (L, B), of duplicates the last; then their ancestors.
inline bool tree_set(double* nodes, int64_t lanes, int64_t depth, const int64_t* index, int64_t batch,
                     const double* value) {
    const int64_t leaves = int64_t(1) << depth;
    for (int64_t i = 0; i < lanes * batch; i++)
        if (index[i] < 0 || index[i] >= leaves) return false;
    for (int64_t lane = 0; lane < lanes; lane++) {
        double* tree = nodes + lane * 2 * leaves;
        const int64_t* at = index + lane * batch;
        for (int64_t b = 0; b < batch; b++) tree[leaves + at[b]] = value[lane * batch + b];
        for (int64_t up = 1; up <= depth; up++)  // level by level, so that loads of one level overlap
            for (int64_t b = 0; b < batch; b++) {
                const int64_t node = (leaves + at[b]) >> up;
                tree[node] = tree[2 * node] + tree[2 * node + 1];
            }
    }
    return true;
}

// The leaf under each mass (L, B) of the cumulated leaves: slot (L, B).
inline void tree_find(const double* nodes, int64_t lanes, int64_t depth, const double* mass, int64_t batch,
                      int64_t* slot) {
    constexpr int64_t GROUP = 64;
    const int64_t leaves = int64_t(1) << depth;
    for (int64_t lane = 0; lane < lanes; lane++) {
        const double* tree = nodes + lane * 2 * leaves;
        for (int64_t start = 0; start < batch; start += GROUP) {
            const int64_t count = batch - start < GROUP ? batch - start : GROUP;
            double left_over[GROUP];
            int64_t node[GROUP];
            for (int64_t b = 0; b < count; b++) left_over[b] = mass[lane * batch + start + b], node[b] = 1;
            for (int64_t level = 0; level < depth; level++)  // all draws go down together, so that loads overlap
                for (int64_t b = 0; b < count; b++) {
                    const double left = tree[2 * node[b]];
                    const bool right = left_over[b] >= left;
                    left_over[b] = left_over[b] - left * right;
                    node[b] = 2 * node[b] + right;
                }
            for (int64_t b = 0; b < count; b++) slot[lane * batch + start + b] = node[b] - leaves;
        }
    }
}
