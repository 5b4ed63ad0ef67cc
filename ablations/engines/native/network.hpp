// A network as a graph of dense layers, a lane at a time while its parameters are in the cache: forward and backward.
// The equations are those of ablations/dqn/layers.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "products.hpp"

// A dense layer as the caller describes it: x W + b, normalized over its units if it has a gain, then relu if asked for.
// Parameters lie in one block per lane; offsets count numbers.
struct LayerSpec {
    int64_t input;  // the layer whose output it takes; -1: the observation
    int64_t inputs, outputs;
    int64_t relu;
    int64_t transposed;   // weights stored (outputs, inputs)
    int64_t weight, bias;  // bias -1: none
    int64_t gain, shift;   // gain -1: not normalized
};

template <class T> T* scratch(long count) {
    void* p = nullptr;
    if (posix_memalign(&p, 64, sizeof(T) * (count > 0 ? count : 1)) != 0) abort();
    memset(p, 0, sizeof(T) * count);
    return (T*)p;
}

template <class T> struct Layer {
    LayerSpec spec;
    long in_stride, out_stride;  // of its input's and output's rows
    int consumers, waiting;      // layers that take its output; those whose share of its gradient is still to come
    T *weight, *turned, *bias;   // packed copies; null where the parameters can be used as they lie
    T *slope;                    // packed gradient of the weights, likewise
    T *gain, *shift, *real;      // of a normalized layer: packed, and 1 where there is a unit, 0 behind the last
    T *kept, *kept_unit, *kept_size;  // of all lanes that are kept: what the three below point into
    T *out, *unit, *size;  // (B, out_stride) output; of a normalized layer (x - mean) / deviation and (B) 1 / deviation
    T *grad;               // (B, out_stride) by the output, before the relu
    bool normalized() const { return spec.gain >= 0; }
};

template <class T> class Network {
  public:
    Network(const LayerSpec* specs, int count, long size) : count(count), size(size) {
        layers = scratch<Layer<T>>(count);
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec = specs[l];
            a.in_stride = padded(s.inputs), a.out_stride = padded(s.outputs);
            const bool whole_in = s.inputs % PAD == 0, whole_out = s.outputs % PAD == 0;
            a.weight = s.transposed || whole_out ? nullptr : scratch<T>(s.inputs * a.out_stride);
            a.turned = s.transposed && whole_in ? nullptr : scratch<T>(s.outputs * a.in_stride);
            a.bias = whole_out && s.bias >= 0 ? nullptr : scratch<T>(a.out_stride);
            const bool in_place = s.transposed ? whole_in : whole_out;
            a.slope = in_place ? nullptr : scratch<T>(s.transposed ? s.outputs * a.in_stride : s.inputs * a.out_stride);
            if (a.normalized()) {
                a.gain = scratch<T>(a.out_stride), a.shift = scratch<T>(a.out_stride), a.real = scratch<T>(a.out_stride);
                for (int o = 0; o < s.outputs; o++) a.real[o] = 1;
            }
            if (s.input >= 0) layers[s.input].consumers++;
        }
    }

    ~Network() {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            for (T* p : {a.weight, a.turned, a.bias, a.slope, a.gain, a.shift, a.real, a.kept, a.kept_unit, a.kept_size, a.grad})
                free(p);
        }
        free(layers), free(observed);
    }

    const int count;
    const long size;  // numbers per lane
    Layer<T>* layers;

    // Room for ``batch`` rows of each of ``lanes`` lanes whose activations are kept side by side.
    void reserve(long batch, long lanes) {
        if (batch <= rows_kept && lanes <= lanes_kept) return;
        rows_kept = batch > rows_kept ? batch : rows_kept, lanes_kept = lanes > lanes_kept ? lanes : lanes_kept;
        free(observed);
        observed = scratch<T>(rows_kept * padded(layers[0].spec.inputs));
        const long all = rows_kept * lanes_kept;
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            for (T* p : {a.kept, a.kept_unit, a.kept_size, a.grad}) free(p);
            a.kept = scratch<T>(all * a.out_stride);
            a.kept_unit = a.normalized() ? scratch<T>(all * a.out_stride) : nullptr;
            a.kept_size = a.normalized() ? scratch<T>(all) : nullptr;
            a.grad = scratch<T>(rows_kept * a.out_stride);
        }
        use(0);
    }

    // Work on the activations of this lane.
    void use(long lane) {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            a.out = a.kept + lane * rows_kept * a.out_stride;
            if (!a.normalized()) continue;
            a.unit = a.kept_unit + lane * rows_kept * a.out_stride;
            a.size = a.kept_size + lane * rows_kept;
        }
    }

    // Copies of what can't be used as it lies: narrow or ragged layers, gains and shifts.
    void pack(const T* theta) {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            const T* w = theta + s.weight;
            if (a.weight)
                for (int i = 0; i < s.inputs; i++)
                    memcpy(a.weight + i * a.out_stride, w + i * s.outputs, sizeof(T) * s.outputs);
            if (a.turned && s.transposed)
                for (int o = 0; o < s.outputs; o++)
                    memcpy(a.turned + o * a.in_stride, w + o * s.inputs, sizeof(T) * s.inputs);
            if (a.bias && s.bias >= 0) memcpy(a.bias, theta + s.bias, sizeof(T) * s.outputs);
            if (!a.normalized()) continue;
            memcpy(a.gain, theta + s.gain, sizeof(T) * s.outputs);
            memcpy(a.shift, theta + s.shift, sizeof(T) * s.outputs);
        }
    }

    void forward(const T* theta, Strided<T> obs, int B) {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            const bool positive = s.relu && !a.normalized();
            if (s.transposed) {
                dots<T>(B, int(s.outputs), int(a.in_stride), input_rows(a, obs, B), rows(a, theta),
                        {a.out, a.out_stride}, s.bias < 0 ? nullptr : theta + s.bias, positive);
            } else {
                const Rows<const T> w = a.weight ? Rows<const T>{a.weight, a.out_stride}
                                                 : Rows<const T>{theta + s.weight, s.outputs};
                const T* bias = a.bias ? a.bias : theta + s.bias;
                const int N = int(a.out_stride), K = int(s.inputs);
                if (positive)
                    product<T, Finish::relu>(B, N, K, input(a, obs), w, {a.out, a.out_stride}, bias);
                else
                    product<T, Finish::plain>(B, N, K, input(a, obs), w, {a.out, a.out_stride}, bias);
            }
            if (a.normalized()) normalize(a, B);
        }
    }

    // From the gradients by the last layers' outputs (``grad``) to that by all parameters: ``slope``, as these lie.
    void backward(const T* theta, Strided<T> obs, int B, T* slope) {
        for (int l = 0; l < count; l++) layers[l].waiting = layers[l].consumers;
        for (int l = count - 1; l >= 0; l--) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            const int I = int(s.inputs), O = int(s.outputs);
            if (a.normalized()) through_norm(a, B, slope);
            if (s.bias >= 0) sum_rows(B, a, nullptr, slope + s.bias);
            by_weight(a, obs, B, slope + s.weight);
            if (s.input < 0) continue;
            Layer<T>& in = layers[s.input];
            const Rows<const T> turned = turn(a, theta);
            const bool add = in.waiting < in.consumers, ends = --in.waiting == 0 && in.spec.relu;
            const Strided<T> g = {a.grad, a.out_stride, 1};
            const Rows<T> to = {in.grad, in.out_stride};
            if (ends)
                product<T, Finish::active>(B, int(padded(I)), O, g, turned, to, nullptr, add, {in.out, in.out_stride});
            else
                product<T, Finish::plain>(B, int(padded(I)), O, g, turned, to, nullptr, add);
        }
    }

    // The gradient by the observation (B, inputs), after ``backward``: of a network of one layer.
    void by_observation(const T* theta, int B, T* to) {
        Layer<T>& a = layers[0];
        const bool whole = a.spec.inputs == a.in_stride;
        product<T, Finish::plain>(B, int(a.in_stride), int(a.spec.outputs), {a.grad, a.out_stride, 1}, turn(a, theta),
                                  {whole ? to : observed, a.in_stride});
        for (int b = 0; b < B && !whole; b++) memcpy(to + b * a.spec.inputs, observed + b * a.in_stride, sizeof(T) * a.spec.inputs);
    }

  private:
    long rows_kept = 0, lanes_kept = 0;
    T* observed = nullptr;

    Strided<T> input(const Layer<T>& a, Strided<T> obs) const {
        return a.spec.input < 0 ? obs : Strided<T>{layers[a.spec.input].out, a.in_stride, 1};
    }

    // The input of a narrow layer, in rows of whole vectors.
    Rows<const T> input_rows(const Layer<T>& a, Strided<T> obs, int B) {
        if (a.spec.input >= 0) return {layers[a.spec.input].out, a.in_stride};
        if (a.spec.inputs == a.in_stride) return {obs.p, obs.row};
        for (int b = 0; b < B; b++)
            memcpy(observed + b * a.in_stride, obs.p + b * obs.row, sizeof(T) * a.spec.inputs);
        return {observed, a.in_stride};
    }

    // The weights of a narrow layer, (O, I) in rows of whole vectors.
    Rows<const T> rows(const Layer<T>& a, const T* theta) const {
        return a.turned ? Rows<const T>{a.turned, a.in_stride} : Rows<const T>{theta + a.spec.weight, a.spec.inputs};
    }

    // out <- relu(gain (out - mean) / sqrt(variance + eps) + shift), row by row over the real units.
    void normalize(Layer<T>& a, int B) {
        constexpr int W = Vec<T>::W, N = PAD / W;
        const T units = T(a.spec.outputs);
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
    void through_norm(Layer<T>& a, int B, T* slope) {
        constexpr int W = Vec<T>::W, N = PAD / W;
        sum_rows(B, a, a.unit, slope + a.spec.gain);
        sum_rows(B, a, nullptr, slope + a.spec.shift);
        const T units = T(a.spec.outputs);
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

    // Over the rows, the sum of ``grad``, times ``factor`` (B, out_stride) if there is one: (outputs).
    void sum_rows(int B, const Layer<T>& a, const T* factor, T* to) {
        constexpr int W = Vec<T>::W;
        T sums[PAD];
        for (int o = 0; o < a.spec.outputs; o += PAD) {
            Vec<T> sum[PAD / W];
            for (auto& s : sum) s = Vec<T>::all(0);
            for (int b = 0; b < B; b++) {
                const long at = b * a.out_stride + o;
#pragma GCC unroll 8
                for (int v = 0; v < PAD / W; v++) {
                    const Vec<T> g = Vec<T>::load(a.grad + at + v * W);
                    sum[v] = factor ? fma(g, Vec<T>::load(factor + at + v * W), sum[v]) : sum[v] + g;
                }
            }
            for (int v = 0; v < PAD / W; v++) sum[v].store(sums + v * W);
            const long n = a.spec.outputs - o < PAD ? a.spec.outputs - o : PAD;
            memcpy(to + o, sums, sizeof(T) * n);
        }
    }

    void by_weight(Layer<T>& a, Strided<T> obs, int B, T* to) {
        const LayerSpec& s = a.spec;
        const int I = int(s.inputs), O = int(s.outputs);
        if (s.transposed) {  // (O, I) = G^T X
            const Rows<T> c = a.slope ? Rows<T>{a.slope, a.in_stride} : Rows<T>{to, s.inputs};
            product<T, Finish::plain>(O, int(a.in_stride), B, {a.grad, 1, a.out_stride}, input_rows(a, obs, B), c);
            if (a.slope)
                for (int o = 0; o < O; o++) memcpy(to + o * I, a.slope + o * a.in_stride, sizeof(T) * I);
        } else {  // (I, O) = X^T G
            const Strided<T> x = input(a, obs);
            const Rows<T> c = a.slope ? Rows<T>{a.slope, a.out_stride} : Rows<T>{to, s.outputs};
            product<T, Finish::plain>(I, int(a.out_stride), B, {x.p, 1, x.row}, {a.grad, a.out_stride}, c);
            if (a.slope)
                for (int i = 0; i < I; i++) memcpy(to + i * O, a.slope + i * a.out_stride, sizeof(T) * O);
        }
    }

    // The weights of any layer as (O, I) in rows of whole vectors.
    Rows<const T> turn(Layer<T>& a, const T* theta) {
        if (!a.spec.transposed)
            transpose<T>(int(a.spec.inputs), int(a.spec.outputs), {theta + a.spec.weight, a.spec.outputs},
                         {a.turned, a.in_stride});
        return rows(a, theta);
    }
};
