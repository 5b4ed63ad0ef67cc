// Bodies of heads: from the outputs of a network's last layers to the outputs of the actions, and the way back.
// The equations are those of ablations/dqn/head.py.
#pragma once

#include "network.hpp"

enum class HeadKind : int64_t { plain, dueling };

// The last layer, or, dueling, the last layers of the streams of advantages and of the value.
template <class T> struct Head {
    HeadKind kind;
    int columns;      // numbers per row: A, or A Z, or features where there is no head
    Layer<T> *last, *advantage;

    // (B, columns): as they are, or V + A - mean A, for each of the Z outputs of an action.
    void read(int B, T* q) const {
        const int Z = int(last->spec.outputs);
        const T actions = T(columns / Z);
        if (kind == HeadKind::plain) {
            for (int b = 0; b < B; b++)
                for (int a = 0; a < columns; a++) q[b * columns + a] = last->out[b * last->out_stride + a];
            return;
        }
        for (int b = 0; b < B; b++) {
            const T *row = advantage->out + b * advantage->out_stride, *values = last->out + b * last->out_stride;
            for (int z = 0; z < Z; z++) {
                T sum = 0;
                for (int a = z; a < columns; a += Z) sum += row[a];
                const T mean = sum / actions;
                for (int a = z; a < columns; a += Z) q[b * columns + a] = (values[z] + row[a]) - mean;
            }
        }
    }

    // The gradient by ``read``'s numbers becomes that by the last layers' outputs, before the relu of one that has it.
    void spread(int B, const T* by_q) const {
        const int Z = int(last->spec.outputs);
        const T actions = T(columns / Z);
        for (int b = 0; b < B; b++) {
            const T* g = by_q + b * columns;
            T* to = last->grad + b * last->out_stride;
            if (kind == HeadKind::plain) {
                const T* out = last->out + b * last->out_stride;
                for (int a = 0; a < columns; a++) to[a] = last->spec.relu && out[a] <= 0 ? T(0) : g[a];
                continue;
            }
            T* row = advantage->grad + b * advantage->out_stride;
            for (int z = 0; z < Z; z++) {
                T sum = 0;
                for (int a = z; a < columns; a += Z) sum += g[a];
                to[z] = sum;
                const T share = sum / actions;
                for (int a = z; a < columns; a += Z) row[a] = g[a] - share;
            }
        }
    }
};
