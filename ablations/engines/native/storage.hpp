// Under the replay pieces: rows of a ring, and sum trees. Arithmetic is that of ablations/replay/sumtree.py, bit for bit.
#pragma once

#include <cstdint>
#include <cstring>

// Where the parts of transitions are copied to, each (L, B) or (L, B, D).
template <class T> struct Parts {
    T *obs, *next_obs;
    int64_t* action;
    T *reward, *discount, *ended;
};

// One lane's rows at index (B), part by part from ``at`` on. D: how many features, if that is known (0: it is not).
template <class T, int D>
void take_lane(const T* rows, int64_t row, const int64_t* index, int64_t batch, int64_t features, const Parts<T>& to,
               int64_t at) {
    const int64_t d = D > 0 ? D : features;
    for (int64_t i = at; i < at + batch; i++) {
        const T* from = rows + index[i] * row;
        memcpy(to.obs + i * d, from, sizeof(T) * d);
        memcpy(to.next_obs + i * d, from + d, sizeof(T) * d);
        to.action[i] = int64_t(from[2 * d]);
        to.reward[i] = from[2 * d + 1];
        to.discount[i] = from[2 * d + 2];
        to.ended[i] = from[2 * d + 3];
    }
}

// The rows (L, N, row) at index (L, B), part by part. False, and nothing is written, if an index is out of range.
template <class T>
bool take(const T* rows, int64_t lanes, int64_t capacity, int64_t row, const int64_t* index, int64_t batch,
          int64_t features, const Parts<T>& to) {
    for (int64_t i = 0; i < lanes * batch; i++)
        if (index[i] < 0 || index[i] >= capacity) return false;
    constexpr int64_t LINE = 64 / sizeof(T);
    const auto ask = [&](int64_t lane) {  // rows lie anywhere: a lane's are on their way while the one before is copied
        for (int64_t b = 0; b < batch; b++) {
            const T* next = rows + (lane * capacity + index[lane * batch + b]) * row;
            for (int64_t at = 0; at < row; at += LINE) __builtin_prefetch(next + at);
        }
    };
    const auto one = features == 2 ? take_lane<T, 2> : features == 4 ? take_lane<T, 4>
                     : features == 6 ? take_lane<T, 6> : features == 8 ? take_lane<T, 8> : take_lane<T, 0>;
    if (lanes > 0) ask(0);
    for (int64_t lane = 0; lane < lanes; lane++) {
        if (lane + 1 < lanes) ask(lane + 1);
        one(rows + lane * capacity * row, row, index, batch, features, to, lane * batch);
    }
    return true;
}

// Windows of up to n rows that begin at index (L, B): the first one's observation and action, the sum of rewards, each times
// the discounts before it, the product of the discounts, and the last one's successor. A window ends with an episode, or
// at the row ``newest``. False, and nothing is written, if an index is out of range. ``to.ended`` is not written.
template <class T>
bool windows(const T* rows, int64_t lanes, int64_t capacity, int64_t row, const int64_t* index, int64_t batch,
             int64_t features, int64_t n, int64_t newest, const Parts<T>& to) {
    for (int64_t i = 0; i < lanes * batch; i++)
        if (index[i] < 0 || index[i] >= capacity) return false;
    constexpr int64_t AHEAD = 8;  // rows lie anywhere: those of a window to come are on their way meanwhile
    for (int64_t i = 0; i < lanes * batch; i++) {
        const T* own = rows + i / batch * capacity * row;
        if (i + AHEAD < lanes * batch) {
            const int64_t next = i + AHEAD;
            const T* first = rows + (next / batch * capacity + index[next]) * row;
            for (int64_t at = 0; at < (n < 4 ? n : 4) * row; at += 64 / sizeof(T)) __builtin_prefetch(first + at);
        }
        int64_t at = index[i];
        const T* from = own + at * row;
        memcpy(to.obs + i * features, from, sizeof(T) * features);
        to.action[i] = int64_t(from[2 * features]);
        T sum = 0;
        double product = 1;  // as torch accumulates products
        for (int64_t k = 1;; k++) {
            sum += T(product) * from[2 * features + 1];
            product *= from[2 * features + 2];
            if (k == n || at == newest || from[2 * features + 3] != 0) break;
            at = at + 1 == capacity ? 0 : at + 1;
            from = own + at * row;
        }
        to.reward[i] = sum, to.discount[i] = T(product);
        memcpy(to.next_obs + i * features, from + features, sizeof(T) * features);
    }
    return true;
}

// One row per lane: [obs, next_obs, action, reward, discount, ended].
template <class T>
void put(T* rows, int64_t lanes, int64_t capacity, int64_t row, int64_t slot, int64_t features, const T* obs,
         const T* next_obs, const int64_t* action, const T* reward, const T* discount, const T* ended) {
    for (int64_t lane = 0; lane < lanes; lane++) {
        T* to = rows + (lane * capacity + slot) * row;
        memcpy(to, obs + lane * features, sizeof(T) * features);
        memcpy(to + features, next_obs + lane * features, sizeof(T) * features);
        to[2 * features] = T(action[lane]);
        to[2 * features + 1] = reward[lane];
        to[2 * features + 2] = discount[lane];
        to[2 * features + 3] = ended[lane];
    }
}

// K planes of bytes, one after the other, as one of K channels.
template <int K> void interleave(const uint8_t* const* from, int64_t positions, uint8_t* __restrict out) {
    const uint8_t* plane[K];
    for (int k = 0; k < K; k++) plane[k] = from[k];
    for (int64_t p = 0; p < positions; p++)
        for (int k = 0; k < K; k++) out[p * K + k] = plane[k][p];
}

// Frames of a memory (ablations/dqn/replay/frames.py): the newest ``stack`` of moments, and what is kept aside.
struct Frames {
    const uint8_t *frames, *aside;  // (L, slots, positions, bytes), (L, others, positions, bytes): the first is padding
    int64_t slots, others, lanes, capacity, count, stack, padded, positions, bytes;
    const int32_t* last;  // (L, capacity): where a last frame is aside; 0: the episode goes on, -1: nowhere
    const uint8_t* age;   // (L, capacity): how many frames lie before, unless stacks are of one
};

// The stacks at index (L, B), or those after them, oldest frame first: (L, B, positions, stack, bytes). What has no
// successor stands for it itself. False, and nothing is written, if an index is out of range.
inline bool take_frames(const Frames& x, const int64_t* index, int64_t batch, bool after, uint8_t* out) {
    constexpr int64_t MOST = 256, AHEAD = 4;
    if (x.stack > MOST) return false;
    for (int64_t i = 0; i < x.lanes * batch; i++)
        if (index[i] < 0 || index[i] >= x.capacity) return false;
    const int64_t frame = x.positions * x.bytes, position = x.count % x.capacity;
    const auto find = [&](int64_t i, const uint8_t** from) {
        const int64_t lane = i / batch, at = lane * x.capacity + index[i], last = x.last[at];
        const int64_t later = after && last >= 0, before = (x.stack > 1 ? x.age[at] : 0) + later;
        const int64_t moment = index[i] + x.count - position - (index[i] >= position ? x.capacity : 0) + later;
        const uint8_t *own = x.frames + lane * x.slots * frame, *aside = x.aside + lane * x.others * frame;
        for (int64_t k = 0; k < x.stack; k++) {
            const int64_t back = x.stack - 1 - k, slot = (moment - (back < before ? back : before)) % x.slots;
            from[k] = x.padded && back > before ? aside : own + (slot < 0 ? slot + x.slots : slot) * frame;
        }
        if (after && last > 0) from[x.stack - 1] = aside + last * frame;
    };
    const uint8_t *from[MOST], *next[MOST];
    for (int64_t i = 0; i < x.lanes * batch; i++, out += x.stack * frame) {
        if (i + AHEAD < x.lanes * batch) {  // frames lie anywhere: those to come are on their way meanwhile
            find(i + AHEAD, next);
            for (int64_t k = 0; k < x.stack; k++)
                for (int64_t b = 0; b < frame && b < 512; b += 64) __builtin_prefetch(next[k] + b);
        }
        find(i, from);
        if (x.stack == 1) memcpy(out, from[0], frame);
        else if (x.bytes == 1 && x.stack == 2) interleave<2>(from, x.positions, out);
        else if (x.bytes == 1 && x.stack == 3) interleave<3>(from, x.positions, out);
        else if (x.bytes == 1 && x.stack == 4) interleave<4>(from, x.positions, out);
        else
            for (int64_t p = 0; p < x.positions; p++)
                for (int64_t k = 0; k < x.stack; k++)
                    memcpy(out + (p * x.stack + k) * x.bytes, from[k] + p * x.bytes, x.bytes);
    }
    return true;
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

// Leaf ``slot`` of every tree becomes value (L); then its ancestors. False if there is no such leaf.
inline bool tree_put(double* nodes, int64_t lanes, int64_t depth, int64_t slot, const double* value) {
    const int64_t leaves = int64_t(1) << depth;
    if (slot < 0 || slot >= leaves) return false;
    for (int64_t lane = 0; lane < lanes; lane++) nodes[lane * 2 * leaves + leaves + slot] = value[lane];
    for (int64_t node = (leaves + slot) >> 1; node > 0; node >>= 1)  // lanes inside, so that their loads overlap
        for (int64_t lane = 0; lane < lanes; lane++) {
            double* tree = nodes + lane * 2 * leaves;
            tree[node] = tree[2 * node] + tree[2 * node + 1];
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
