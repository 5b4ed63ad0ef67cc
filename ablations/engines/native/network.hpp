// A network as a graph of layers, a lane at a time while its parameters are in the cache: forward and backward.
#pragma once

#include <initializer_list>

#include "convolutions.hpp"

template <class T> class Network {
  public:
    Network(const LayerSpec* specs, int count, long size) : count(count), size(size) {
        layers = scratch<Layer<T>>(count);
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = specs[l];
            a.describe(s);
            const bool whole_in = s.inputs % PAD == 0, whole_out = s.outputs % PAD == 0;
            a.weight = s.transposed || whole_out ? nullptr : scratch<T>(s.inputs * a.wide);
            a.turned = s.transposed && whole_in ? nullptr : scratch<T>(s.outputs * a.deep);
            a.bias = whole_out && s.bias >= 0 ? nullptr : scratch<T>(a.wide);
            const bool in_place = s.transposed ? whole_in : whole_out;
            a.slope = in_place ? nullptr : scratch<T>(s.transposed ? s.outputs * a.deep : s.inputs * a.wide);
            if (a.normalized()) {
                a.gain = scratch<T>(a.out_stride), a.shift = scratch<T>(a.out_stride), a.real = scratch<T>(a.out_stride);
                for (int o = 0; o < a.units; o++) a.real[o] = 1;
            }
            if (s.input >= 0) layers[s.input].consumers++;
            if (a.convolves()) patches.reserve(a);
        }
    }

    ~Network() {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            for (T* p : {a.weight, a.turned, a.bias, a.slope, a.gain, a.shift, a.real, a.kept, a.kept_unit, a.kept_size, a.grad})
                free(p);
        }
        free(layers), free(observed), free(left), free(right);
    }

    const int count;
    const long size;  // numbers per lane
    Layer<T>* layers;

    // Room for ``batch`` rows of each of ``lanes`` lanes whose activations are kept side by side.
    void reserve(long batch, long lanes) {
        if (batch <= rows_kept && lanes <= lanes_kept) return;
        rows_kept = batch > rows_kept ? batch : rows_kept, lanes_kept = lanes > lanes_kept ? lanes : lanes_kept;
        free(observed), free(left), free(right);
        const Layer<T>& first = layers[0];
        observed = scratch<T>(first.convolves() ? 0 : rows_kept * first.in_stride);
        long most_left = 0, most_right = 0;
        const long all = rows_kept * lanes_kept;
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            for (T* p : {a.kept, a.kept_unit, a.kept_size, a.grad}) free(p);
            a.kept = scratch<T>(all * a.out_stride + PAD);
            a.kept_unit = a.normalized() ? scratch<T>(all * a.out_stride) : nullptr;
            a.kept_size = a.normalized() ? scratch<T>(all) : nullptr;
            a.grad = scratch<T>(rows_kept * a.out_stride);
            if (a.convolves() || a.spec.transposed) continue;
            if (a.spec.inputs > most_left) most_left = a.spec.inputs;
            if (a.spec.outputs > most_right) most_right = a.spec.outputs;
        }
        left = scratch<T>(most_left * padded(rows_kept)), right = scratch<T>(most_right * padded(rows_kept));
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
                    memcpy(a.weight + i * a.wide, w + i * s.outputs, sizeof(T) * s.outputs);
            if (a.turned && s.transposed)
                for (int o = 0; o < s.outputs; o++)
                    memcpy(a.turned + o * a.deep, w + o * s.inputs, sizeof(T) * s.inputs);
            if (a.bias && s.bias >= 0) memcpy(a.bias, theta + s.bias, sizeof(T) * s.outputs);
            if (!a.normalized()) continue;
            memcpy(a.gain, theta + s.gain, sizeof(T) * a.units);
            memcpy(a.shift, theta + s.shift, sizeof(T) * a.units);
        }
    }

    void forward(const T* theta, Seen<T> seen, int B) {
        const Strided<T> obs = see(seen, B);
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            const bool positive = s.relu && !a.normalized();
            if (a.convolves()) {
                convolve(a, theta, seen, B, positive);
            } else if (s.transposed) {
                dots<T>(B, int(s.outputs), int(a.in_stride), input_rows(a, obs, B), rows(a, theta),
                        {a.out, a.out_stride}, s.bias < 0 ? nullptr : theta + s.bias, positive);
            } else {
                const T* bias = a.bias ? a.bias : theta + s.bias;
                const int N = int(a.out_stride), K = int(s.inputs);
                if (positive)
                    product<T, Finish::relu>(B, N, K, input(a, obs), columns(a, theta), {a.out, a.out_stride}, bias);
                else
                    product<T, Finish::plain>(B, N, K, input(a, obs), columns(a, theta), {a.out, a.out_stride}, bias);
            }
            if (a.normalized()) normalize(a, B);
        }
    }

    // From the gradients by the last layers' outputs (``grad``) to that by all parameters: ``slope``, as these lie.
    void backward(const T* theta, Seen<T> seen, int B, T* slope) {
        const Strided<T> obs = see(seen, B);
        for (int l = 0; l < count; l++) layers[l].waiting = layers[l].consumers;
        for (int l = count - 1; l >= 0; l--) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            if (a.normalized()) through_norm(a, B, slope);
            if (a.convolves()) {
                back_through_patches(a, theta, seen, B, slope);
                continue;
            }
            if (s.bias >= 0) sum_rows(B, a, (const T*)nullptr, slope + s.bias);
            by_weight(a, obs, B, slope + s.weight);
            if (s.input >= 0) by_input(a, theta, B);
        }
    }

    // The gradient by the observation (B, inputs), after ``backward``: of a network of one dense layer.
    void by_observation(const T* theta, int B, T* to) {
        Layer<T>& a = layers[0];
        const bool whole = a.spec.inputs == a.in_stride;
        product<T, Finish::plain>(B, int(a.in_stride), int(a.spec.outputs), {a.grad, a.out_stride, 1}, turn(a, theta),
                                  {whole ? to : observed, a.in_stride});
        for (int b = 0; b < B && !whole; b++) memcpy(to + b * a.spec.inputs, observed + b * a.in_stride, sizeof(T) * a.spec.inputs);
    }

  private:
    long rows_kept = 0, lanes_kept = 0;
    T *observed = nullptr, *left = nullptr, *right = nullptr;
    Patches<T> patches;

    // The observations as dense layers take them.
    Strided<T> see(Seen<T> seen, int B) {
        const Layer<T>& first = layers[0];
        if (first.convolves()) return {nullptr, 0, 1};
        if (seen.shown == Shown::numbers) return {(const T*)seen.p, seen.row, 1};
        for (int b = 0; b < B; b++) seen.read(b, 0, first.numbers, observed + b * first.in_stride);
        return {observed, first.in_stride, 1};
    }

    Strided<T> input(const Layer<T>& a, Strided<T> obs) const {
        return a.spec.input < 0 ? obs : Strided<T>{layers[a.spec.input].out, a.in_stride, 1};
    }

    // The input of a narrow layer, in rows of whole vectors.
    Rows<const T> input_rows(const Layer<T>& a, Strided<T> obs, int B) {
        if (a.spec.input >= 0) return {layers[a.spec.input].out, a.in_stride};
        if (a.spec.inputs == a.in_stride || obs.p == observed) return {obs.p, obs.row};
        for (int b = 0; b < B; b++)
            memcpy(observed + b * a.in_stride, obs.p + b * obs.row, sizeof(T) * a.spec.inputs);
        return {observed, a.in_stride};
    }

    // The weights of a narrow layer, (O, I) in rows of whole vectors.
    Rows<const T> rows(const Layer<T>& a, const T* theta) const {
        return a.turned ? Rows<const T>{a.turned, a.deep} : Rows<const T>{theta + a.spec.weight, a.spec.inputs};
    }

    // The weights of any other layer, (I, O) in rows of whole vectors.
    Rows<const T> columns(const Layer<T>& a, const T* theta) const {
        return a.weight ? Rows<const T>{a.weight, a.wide} : Rows<const T>{theta + a.spec.weight, a.spec.outputs};
    }

    void by_weight(Layer<T>& a, Strided<T> obs, int B, T* to) {
        const LayerSpec& s = a.spec;
        const int I = int(s.inputs), O = int(s.outputs);
        if (s.transposed) {  // (O, I) = G^T X
            const Rows<T> c = a.slope ? Rows<T>{a.slope, a.deep} : Rows<T>{to, s.inputs};
            product<T, Finish::plain>(O, int(a.deep), B, {a.grad, 1, a.out_stride}, input_rows(a, obs, B), c);
            if (a.slope)
                for (int o = 0; o < O; o++) memcpy(to + o * I, a.slope + o * a.deep, sizeof(T) * I);
        } else {  // (I, O) = X^T G
            Strided<T> x = input(a, obs);
            x = {x.p, 1, x.row};
            if (large(a, B)) {  // columns of X are far apart: side by side they are read once
                transpose<T>(B, I, {x.p, x.column}, {left, padded(B)});
                x = {left, padded(B), 1};
            }
            const Rows<T> c = a.slope ? Rows<T>{a.slope, a.wide} : Rows<T>{to, s.outputs};
            product<T, Finish::plain>(I, int(a.wide), B, x, {a.grad, a.out_stride}, c);
            if (a.slope)
                for (int i = 0; i < I; i++) memcpy(to + i * O, a.slope + i * a.wide, sizeof(T) * O);
        }
    }

    // The gradient by the layer's input, added to what other consumers gave; the last one ends at the input's relu.
    void by_input(Layer<T>& a, const T* theta, int B) {
        const int I = int(a.spec.inputs), O = int(a.spec.outputs);
        Layer<T>& in = layers[a.spec.input];
        const bool add = in.waiting < in.consumers, ends = --in.waiting == 0 && in.spec.relu;
        const Strided<T> g = {a.grad, a.out_stride, 1};
        const Rows<T> to = {in.grad, in.out_stride};
        if (!add && !a.spec.transposed && large(a, B)) {  // its transpose, W G^T: the same sums without turning W
            transpose<T>(B, O, {a.grad, a.out_stride}, {right, padded(B)});
            product<T, Finish::plain>(I, int(padded(B)), O, {theta + a.spec.weight, O, 1}, {right, padded(B)}, {left, padded(B)});
            transpose<T>(I, B, {left, padded(B)}, to);
            if (ends) activate(in, B);
        } else if (ends) {
            product<T, Finish::active>(B, int(padded(I)), O, g, turn(a, theta), to, nullptr, add, {in.out, in.out_stride});
        } else {
            product<T, Finish::plain>(B, int(padded(I)), O, g, turn(a, theta), to, nullptr, add);
        }
    }

    // More numbers in W than in a batch of inputs and outputs.
    static bool large(const Layer<T>& a, int B) { return a.spec.inputs * a.spec.outputs > B * (a.spec.inputs + a.spec.outputs); }

    // ``grad`` where the relu let something through.
    static void activate(Layer<T>& a, int B) {
        for (long p = 0; p < B * a.out_stride; p += Vec<T>::W)
            where_active(Vec<T>::load(a.grad + p), Vec<T>::load(a.out + p)).store(a.grad + p);
    }

    // The weights of any layer as (O, I) in rows of whole vectors.
    Rows<const T> turn(Layer<T>& a, const T* theta) {
        if (!a.spec.transposed)
            transpose<T>(int(a.spec.inputs), int(a.spec.outputs), {theta + a.spec.weight, a.spec.outputs}, {a.turned, a.deep});
        return rows(a, theta);
    }

    // Patches times filters, some lines of positions at a time.
    void convolve(Layer<T>& a, const T* theta, Seen<T> seen, int B, bool positive) {
        const bool whole = a.wide == a.spec.outputs;  // then rows of positions lie one after the other, and batches too
        const long stride = Patches<T>::stride(a), most = Patches<T>::chunk(a), lines = B * a.lines;
        const T* bias = a.bias ? a.bias : theta + a.spec.bias;
        for (long g = 0; g < lines; g += most) {
            const long n = lines - g < most ? lines - g : most;
            gather(a, seen, g, n);
            const Rows<T> to = {whole ? a.out + g * a.across * a.wide : patches.broad, a.wide};
            const Strided<T> x = {patches.patches, stride, 1};
            const int M = int(n * a.across), N = int(a.wide), K = int(a.spec.inputs);
            if (positive)
                product<T, Finish::relu>(M, N, K, x, columns(a, theta), to, bias);
            else
                product<T, Finish::plain>(M, N, K, x, columns(a, theta), to, bias);
            if (!whole) patches.tighten(a, a.out, g, n);
        }
    }

    void gather(const Layer<T>& a, const Seen<T>& seen, long first, long count) {
        const bool first_layer = a.spec.input < 0;
        patches.gather(a, first_layer ? &seen : nullptr, first_layer ? nullptr : layers[a.spec.input].out, first, count);
    }

    // The way back through a convolution: by filters and bias, and, but for the first layer, by its images.
    void back_through_patches(Layer<T>& a, const T* theta, Seen<T> seen, int B, T* slope) {
        const LayerSpec& s = a.spec;
        const bool whole = a.wide == s.outputs;
        const long stride = Patches<T>::stride(a), most = Patches<T>::chunk(a), lines = B * a.lines;
        const int K = int(s.inputs), N = int(a.wide);
        const Rows<T> by_filters = a.slope ? Rows<T>{a.slope, a.wide} : Rows<T>{slope + s.weight, s.outputs};
        Layer<T>* in = s.input < 0 ? nullptr : &layers[s.input];
        const Rows<const T> turned = in ? turn(a, theta) : Rows<const T>{nullptr, 0};
        if (s.bias >= 0) memset(slope + s.bias, 0, sizeof(T) * s.outputs);
        if (in && in->waiting == in->consumers) memset(in->grad, 0, sizeof(T) * B * in->out_stride);
        for (long g = 0; g < lines; g += most) {
            const long n = lines - g < most ? lines - g : most;
            const int M = int(n * a.across);
            gather(a, seen, g, n);
            if (!whole) patches.spread(a, a.grad, g, n);
            const T* by_output = whole ? a.grad + g * a.across * a.wide : patches.broad;
            if (s.bias >= 0) add_rows<T>(M, by_output, a.wide, nullptr, s.outputs, slope + s.bias);
            product<T, Finish::plain>(K, N, M, {patches.patches, 1, stride}, {by_output, a.wide}, by_filters, nullptr, g > 0);
            if (!in) continue;
            product<T, Finish::plain>(M, int(a.deep), int(s.outputs), {by_output, a.wide, 1}, turned, {patches.patches, stride});
            patches.scatter(a, in->grad, g, n);
        }
        for (int k = 0; k < K && a.slope; k++)
            memcpy(slope + s.weight + k * s.outputs, a.slope + k * a.wide, sizeof(T) * s.outputs);
        if (in && --in->waiting == 0 && in->spec.relu) activate(*in, B);
    }
};
