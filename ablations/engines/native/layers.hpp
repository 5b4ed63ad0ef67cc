// Layers of a network: what the caller says of them, their scratch memory, and layer norm.
// The equations are those of ablations/dqn/layers.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "products.hpp"

// A layer as the caller describes it: x W + b, normalized over its units if it has a gain, then relu if asked for; of a
// convolution x are the patches of an image. Parameters lie in one block per lane; offsets count numbers.
struct LayerSpec {
    int64_t input;  // the layer whose output it takes; -1: the observation
    int64_t inputs, outputs;  // the shape of W: of a convolution kernel^2 channels and filters
    int64_t relu;
    int64_t transposed;   // weights stored (outputs, inputs)
    int64_t weight, bias;  // bias -1: none
    int64_t gain, shift;   // gain -1: not normalized
    int64_t height, width, channels, kernel, stride;  // of a convolution's image and patches; 0: a dense layer
};

template <class T> T* scratch(long count) {
    void* p = nullptr;
    if (posix_memalign(&p, 64, sizeof(T) * (count > 0 ? count : 1)) != 0) abort();
    memset(p, 0, sizeof(T) * count);
    return (T*)p;
}

template <class T> struct Layer {
    LayerSpec spec;
    long lines, across, positions;  // of a convolution's output, positions = lines * across; 1 of a dense layer
    long units, numbers;         // of an output, positions * outputs, and of an input
    long in_stride, out_stride;  // of its input's and output's rows
    long deep, wide;             // of W's rows and columns with whole vectors: inputs and outputs, padded
    int consumers, waiting;      // layers that take its output; those whose share of its gradient is still to come
    T *weight, *turned, *bias;   // packed copies; null where the parameters can be used as they lie
    T *slope;                    // packed gradient of the weights, likewise
    T *gain, *shift, *real;      // of a normalized layer: packed, and 1 where there is a unit, 0 behind the last
    T *kept, *kept_unit, *kept_size;  // of all lanes that are kept: what the three below point into
    T *out, *unit, *size;  // (B, out_stride) output; of a normalized layer (x - mean) / deviation and (B) 1 / deviation
    T *grad;               // (B, out_stride) by the output, before the relu
    bool normalized() const { return spec.gain >= 0; }
    bool convolves() const { return spec.kernel > 0; }

    void describe(const LayerSpec& s) {
        spec = s;
        lines = s.kernel ? (s.height - s.kernel) / s.stride + 1 : 1, across = s.kernel ? (s.width - s.kernel) / s.stride + 1 : 1;
        positions = lines * across;
        units = positions * s.outputs, numbers = s.kernel ? s.height * s.width * s.channels : s.inputs;
        in_stride = padded(numbers), out_stride = padded(units);
        deep = padded(s.inputs), wide = padded(s.outputs);
    }
};

// Over the rows of ``grad`` (rows, stride), their sum, times ``factor``, of like rows, if there is one: added to ``to`` (n).
template <class T> void add_rows(long rows, const T* grad, long stride, const T* factor, long n, T* to) {
    constexpr int W = Vec<T>::W;
    for (long o = 0; o < n; o += PAD) {
        const long real = n - o < PAD ? n - o : PAD;
        T sums[PAD] = {};
        memcpy(sums, to + o, sizeof(T) * real);
        Vec<T> sum[PAD / W];
        for (int v = 0; v < PAD / W; v++) sum[v] = Vec<T>::load(sums + v * W);
        for (long b = 0; b < rows; b++) {
            const long at = b * stride + o;
#pragma GCC unroll 8
            for (int v = 0; v < PAD / W; v++) {
                const Vec<T> g = Vec<T>::load(grad + at + v * W);
                sum[v] = factor ? fma(g, Vec<T>::load(factor + at + v * W), sum[v]) : sum[v] + g;
            }
        }
        for (int v = 0; v < PAD / W; v++) sum[v].store(sums + v * W);
        memcpy(to + o, sums, sizeof(T) * real);
    }
}

template <class T> void sum_rows(long rows, const Layer<T>& a, const T* factor, T* to) {
    memset(to, 0, sizeof(T) * a.units);
    add_rows(rows, a.grad, a.out_stride, factor, a.units, to);
}

// out <- relu(gain (out - mean) / sqrt(variance + eps) + shift), row by row over the real units.
template <class T> void normalize(Layer<T>& a, int B) {
    constexpr int W = Vec<T>::W, N = PAD / W;
    const T units = T(a.units);
    for (int b = 0; b < B; b++) {
        T *row = a.out + b * a.out_stride, *unit = a.unit + b * a.out_stride;
        Vec<T> sums[N], squares[N];
        for (int v = 0; v < N; v++) sums[v] = squares[v] = Vec<T>::all(0);
        for (long o = 0; o < a.out_stride; o += PAD)
#pragma GCC unroll 8
            for (int v = 0; v < N; v++) sums[v] = sums[v] + Vec<T>::load(row + o + v * W);
        const Vec<T> mean = Vec<T>::all(total(sums) / units);
        for (long o = 0; o < a.out_stride; o += PAD)
#pragma GCC unroll 8
            for (int v = 0; v < N; v++) {
                const Vec<T> x = (Vec<T>::load(row + o + v * W) - mean) * Vec<T>::load(a.real + o + v * W);
                x.store(unit + o + v * W);
                squares[v] = fma(x, x, squares[v]);
            }
        a.size[b] = T(1) / std::sqrt(total(squares) / units + T(1e-5));
        const Vec<T> size = Vec<T>::all(a.size[b]);
        for (long o = 0; o < a.out_stride; o += W) {
            const Vec<T> x = Vec<T>::load(unit + o) * size;
            x.store(unit + o);
            const Vec<T> y = fma(x, Vec<T>::load(a.gain + o), Vec<T>::load(a.shift + o));
            (a.spec.relu ? relu(y) : y).store(row + o);
        }
    }
}

// The gradients by gain and shift, and ``grad`` from that by gain x + shift to that by what was normalized.
template <class T> void through_norm(Layer<T>& a, int B, T* slope) {
    constexpr int W = Vec<T>::W, N = PAD / W;
    sum_rows(B, a, a.unit, slope + a.spec.gain);
    sum_rows(B, a, (const T*)nullptr, slope + a.spec.shift);
    const T units = T(a.units);
    for (int b = 0; b < B; b++) {
        T* grad = a.grad + b * a.out_stride;
        const T* unit = a.unit + b * a.out_stride;
        Vec<T> sums[N], along[N];
        for (int v = 0; v < N; v++) sums[v] = along[v] = Vec<T>::all(0);
        for (long o = 0; o < a.out_stride; o += PAD)
#pragma GCC unroll 8
            for (int v = 0; v < N; v++) {
                const long at = o + v * W;
                const Vec<T> g = Vec<T>::load(grad + at) * Vec<T>::load(a.gain + at);
                g.store(grad + at);
                sums[v] = sums[v] + g;
                along[v] = fma(g, Vec<T>::load(unit + at), along[v]);
            }
        const Vec<T> mean = Vec<T>::all(total(sums) / units), slant = Vec<T>::all(total(along) / units);
        const Vec<T> size = Vec<T>::all(a.size[b]);
        for (long o = 0; o < a.out_stride; o += W) {
            const Vec<T> g = Vec<T>::load(grad + o) - mean - Vec<T>::load(unit + o) * slant;
            (g * size).store(grad + o);  // what stands behind the last unit is read by nobody
        }
    }
}
