// A lane at a time through the whole network: forward, backward and the optimiser's step, while the lane's parameters
// are in the cache. The equations are those of ablations/learner.py and ablations/optimiser.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "products.hpp"

// A dense layer as the caller describes it. Parameters lie in one block per lane; offsets count numbers.
struct LayerSpec {
    int64_t input;       // the layer whose output it takes; -1: the observation
    int64_t inputs, outputs;
    int64_t relu;        // all layers but the last of a stream
    int64_t transposed;  // weights stored (outputs, inputs)
    int64_t weight, bias;  // bias -1: none
};

// One update of every lane. Pointers to numbers are to the training type.
struct Descent {
    int64_t lanes, batch, stride;  // stride: numbers per lane in each of the four blocks below
    void *theta, *first, *second;
    uint8_t* alive;  // (L): a lane that is not alive keeps its parameters
    const void* obs;
    int64_t obs_lane, obs_row;  // strides of obs (L, B, D)
    const int64_t* action;      // (L, B)
    const void *y, *weight;     // (L, B)
    void *q, *delta;            // out: (L, B, A), (L, B)
    void *loss, *norm, *largest;  // out: (L): loss, gradient norm before clipping, max |Q|
    int64_t rule, huber;        // rule 0 Adam, 1 RMSprop, 2 SGD
    double learning_rate, eps, correction_1, correction_2, max_norm;
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
    int consumers;
    T *weight, *turned, *bias;   // packed copies; null where the parameters can be used as they lie
    T *slope;                    // packed gradient of the weights, likewise
    T *out = nullptr, *grad = nullptr;  // (B, out_stride)
};

template <class T> class Network {
  public:
    Network(const LayerSpec* specs, int count, int actions, int dueling, long size)
        : count(count), actions(actions), dueling(dueling), size(size) {
        layers = scratch<Layer<T>>(count);
        slope = scratch<T>(size);
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
            if (s.input >= 0) layers[s.input].consumers++;
        }
    }

    ~Network() {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            for (T* p : {a.weight, a.turned, a.bias, a.slope, a.out, a.grad}) free(p);
        }
        free(layers), free(slope), free(observed);
    }

    // Q (L, B, A) of obs (L, B, D).
    void values(long lanes, long batch, const T* theta, long stride, const T* obs, long obs_lane, long obs_row, T* q) {
        constexpr long MOST = 64;  // rows at a time, so that activations stay in the cache
        reserve(batch < MOST ? batch : MOST);
        for (long lane = 0; lane < lanes; lane++) {
            const T* parameters = theta + lane * stride;
            pack(parameters);
            for (long b = 0; b < batch; b += MOST) {
                const int rows = int(batch - b < MOST ? batch - b : MOST);
                forward(parameters, {obs + lane * obs_lane + b * obs_row, obs_row, 1}, rows);
                read(rows, q + (lane * batch + b) * actions);
            }
        }
    }

    // One update; how many lanes it froze, or -1 (and nothing was changed) if an action is out of range.
    int descend(const Descent& d) {
        for (int64_t i = 0; i < d.lanes * d.batch; i++)
            if (d.action[i] < 0 || d.action[i] >= actions) return -1;
        reserve(d.batch);
        const int B = int(d.batch);
        int frozen = 0;
        for (long lane = 0; lane < d.lanes; lane++) {
            const long at = lane * d.batch;
            const int64_t* action = d.action + at;
            T* theta = (T*)d.theta + lane * d.stride;
            const Strided<T> obs = {(const T*)d.obs + lane * d.obs_lane, d.obs_row, 1};
            T *q = (T*)d.q + at * actions, *delta = (T*)d.delta + at;
            pack(theta);
            forward(theta, obs, B);
            read(B, q);
            ((T*)d.largest)[lane] = largest(q, B * actions);
            const T loss = error(B, q, action, (const T*)d.y + at, (const T*)d.weight + at, d.huber, delta);
            backward(theta, obs, B);
            bool finite = std::isfinite(loss);
            T norm;
            finite &= measure(norm);
            ((T*)d.loss)[lane] = loss;
            ((T*)d.norm)[lane] = norm;
            if (d.max_norm > 0) {
                finite &= std::isfinite(norm);
                const T factor = T(d.max_norm) / (norm + T(1e-6));
                if (factor < 1) scale(factor);
            }
            frozen += d.alive[lane] && !finite;
            d.alive[lane] &= finite;
            if (d.alive[lane]) step(d, theta, (T*)d.first + lane * d.stride, (T*)d.second + lane * d.stride);
        }
        return frozen;
    }

  private:
    int count, actions, dueling;  // dueling: index of the advantage stream's last layer, -1 if the head is one layer
    long size, capacity = 0;
    Layer<T>* layers;
    T *slope, *observed = nullptr;  // slope: the gradient of a lane, as the parameters lie

    void reserve(long batch) {
        if (batch <= capacity) return;
        capacity = batch;
        free(observed);
        observed = scratch<T>(batch * padded(layers[0].spec.inputs));
        for (int l = 0; l < count; l++) {
            free(layers[l].out), free(layers[l].grad);
            layers[l].out = scratch<T>(batch * layers[l].out_stride);
            layers[l].grad = scratch<T>(batch * layers[l].out_stride);
        }
    }

    // Copies of what can't be used as it lies: narrow or ragged layers.
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
        }
    }

    Strided<T> input(const Layer<T>& a, Strided<T> obs) const {
        return a.spec.input < 0 ? obs : Strided<T>{layers[a.spec.input].out, a.in_stride, 1};
    }

    // The input of a narrow layer, in rows of whole vectors.
    Rows<const T> input_rows(const Layer<T>& a, Strided<T> obs, int B) {
        if (a.spec.input >= 0) return {layers[a.spec.input].out, a.in_stride};
        for (int b = 0; b < B; b++)
            memcpy(observed + b * a.in_stride, obs.p + b * obs.row, sizeof(T) * a.spec.inputs);
        return {observed, a.in_stride};
    }

    // The weights of a narrow layer, (O, I) in rows of whole vectors.
    Rows<const T> rows(const Layer<T>& a, const T* theta) const {
        return a.turned ? Rows<const T>{a.turned, a.in_stride} : Rows<const T>{theta + a.spec.weight, a.spec.inputs};
    }

    void forward(const T* theta, Strided<T> obs, int B) {
        for (int l = 0; l < count; l++) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            if (s.transposed) {
                dots<T>(B, int(s.outputs), int(a.in_stride), input_rows(a, obs, B), rows(a, theta),
                        {a.out, a.out_stride}, s.bias < 0 ? nullptr : theta + s.bias, s.relu);
                continue;
            }
            const Rows<const T> w = a.weight ? Rows<const T>{a.weight, a.out_stride}
                                             : Rows<const T>{theta + s.weight, s.outputs};
            const T* bias = a.bias ? a.bias : theta + s.bias;
            const int N = int(a.out_stride), K = int(s.inputs);
            if (s.relu)
                product<T, Finish::relu>(B, N, K, input(a, obs), w, {a.out, a.out_stride}, bias);
            else
                product<T, Finish::plain>(B, N, K, input(a, obs), w, {a.out, a.out_stride}, bias);
        }
    }

    // Q (B, A) from the last layers: as it is, or V + A - mean A.
    void read(int B, T* q) const {
        const Layer<T>& last = layers[count - 1];
        if (dueling < 0) {
            for (int b = 0; b < B; b++)
                for (int a = 0; a < actions; a++) q[b * actions + a] = last.out[b * last.out_stride + a];
            return;
        }
        const Layer<T>& advantage = layers[dueling];
        for (int b = 0; b < B; b++) {
            const T* row = advantage.out + b * advantage.out_stride;
            const T value = last.out[b * last.out_stride];
            T sum = 0;
            for (int a = 0; a < actions; a++) sum += row[a];
            const T mean = sum / actions;
            for (int a = 0; a < actions; a++) q[b * actions + a] = (value + row[a]) - mean;
        }
    }

    static T largest(const T* q, int n) {
        T most = 0;
        for (int i = 0; i < n; i++) {
            const T x = std::fabs(q[i]);
            if (!(x <= most)) most = x;  // NaN gets through
            if (x != x) return x;
        }
        return most;
    }

    // delta = y - Q(s, a), the mean of weight * error(delta), and its gradient by the last layers' outputs.
    T error(int B, const T* q, const int64_t* action, const T* y, const T* weight, bool huber, T* delta) {
        Layer<T>& last = layers[count - 1];
        memset(last.grad, 0, sizeof(T) * B * last.out_stride);
        T sum = 0;
        for (int b = 0; b < B; b++) {
            const T d = delta[b] = y[b] - q[b * actions + action[b]];
            const T size = std::fabs(d);
            T err = T(0.5) * d * d, by_delta = d;
            if (huber && size > 1) err = size - T(0.5), by_delta = d > 0 ? T(1) : T(-1);
            sum += weight[b] * err;
            const T by_q = -(weight[b] * by_delta) / T(B);
            if (dueling < 0) {
                last.grad[b * last.out_stride + action[b]] = by_q;
            } else {
                Layer<T>& advantage = layers[dueling];
                T* row = advantage.grad + b * advantage.out_stride;
                last.grad[b * last.out_stride] = by_q;
                const T share = by_q / T(actions);
                for (int a = 0; a < actions; a++) row[a] = (a == action[b] ? by_q : T(0)) - share;
            }
        }
        return sum / T(B);
    }

    void backward(const T* theta, Strided<T> obs, int B) {
        for (int l = 0; l < count; l++) left(l) = layers[l].consumers;
        for (int l = count - 1; l >= 0; l--) {
            Layer<T>& a = layers[l];
            const LayerSpec& s = a.spec;
            const int I = int(s.inputs), O = int(s.outputs);
            if (s.bias >= 0) sum_rows(B, a);
            by_weight(a, obs, B);
            if (s.input < 0) continue;
            Layer<T>& in = layers[s.input];
            const Rows<const T> turned = turn(a, theta);
            const bool add = left(int(s.input)) < in.consumers, ends = --left(int(s.input)) == 0;
            const Strided<T> g = {a.grad, a.out_stride, 1};
            const Rows<T> to = {in.grad, in.out_stride};
            if (ends)
                product<T, Finish::active>(B, int(padded(I)), O, g, turned, to, nullptr, add, {in.out, in.out_stride});
            else
                product<T, Finish::plain>(B, int(padded(I)), O, g, turned, to, nullptr, add);
        }
    }

    int waiting[64];
    int& left(int l) { return waiting[l]; }

    void sum_rows(int B, const Layer<T>& a) {
        constexpr int W = Vec<T>::W;
        T* to = slope + a.spec.bias;
        T sums[PAD];
        for (int o = 0; o < a.spec.outputs; o += PAD) {
            Vec<T> sum[PAD / W];
            for (auto& s : sum) s = Vec<T>::all(0);
            for (int b = 0; b < B; b++)
#pragma GCC unroll 8
                for (int v = 0; v < PAD / W; v++)
                    sum[v] = sum[v] + Vec<T>::load(a.grad + b * a.out_stride + o + v * W);
            for (int v = 0; v < PAD / W; v++) sum[v].store(sums + v * W);
            const long n = a.spec.outputs - o < PAD ? a.spec.outputs - o : PAD;
            memcpy(to + o, sums, sizeof(T) * n);
        }
    }

    void by_weight(Layer<T>& a, Strided<T> obs, int B) {
        const LayerSpec& s = a.spec;
        const int I = int(s.inputs), O = int(s.outputs);
        T* to = slope + s.weight;
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

    // The gradient's Euclidean norm; whether all of it is finite. PAD partial sums, then a fixed order.
    bool measure(T& norm) const {
        constexpr int W = Vec<T>::W, N = PAD / W;
        Vec<T> squares[N], zeros[N];
        for (int v = 0; v < N; v++) squares[v] = zeros[v] = Vec<T>::all(0);
        for (long p = 0; p < size; p += PAD)
#pragma GCC unroll 8
            for (int v = 0; v < N; v++) {
                const Vec<T> g = Vec<T>::load(slope + p + v * W);
                squares[v] = fma(g, g, squares[v]);
                zeros[v] = fma(g, Vec<T>::all(0), zeros[v]);  // NaN once g is not finite
            }
        norm = std::sqrt(total(squares));
        return total(zeros) == 0;
    }

    void scale(T factor) {
        const Vec<T> f = Vec<T>::all(factor);
        for (long p = 0; p < size; p += Vec<T>::W) (Vec<T>::load(slope + p) * f).store(slope + p);
    }

    // torch.optim's rules: Adam (betas 0.9, 0.999), RMSprop (alpha 0.99), SGD.
    void step(const Descent& d, T* theta, T* first, T* second) const {
        typedef Vec<T> V;
        const double rate = d.learning_rate;
        switch (d.rule) {
        case 0: {
            const V towards = V::all(T(1 - 0.9)), keep = V::all(T(0.999)), gain = V::all(T(1 - 0.999));
            const V size_of_step = V::all(T(rate / d.correction_1)), eps = V::all(T(d.eps));
            const V correction = V::all(T(1 / std::sqrt(d.correction_2)));
            for (long p = 0; p < size; p += V::W) {
                const V g = V::load(slope + p);
                V m = V::load(first + p), v = V::load(second + p);
                m = fma(g - m, towards, m);
                v = fma(gain * g, g, keep * v);
                m.store(first + p), v.store(second + p);
                (V::load(theta + p) - size_of_step * m / (fma(root(v), correction, eps))).store(theta + p);
            }
            return;
        }
        case 1: {
            const V keep = V::all(T(0.99)), gain = V::all(T(1 - 0.99)), eps = V::all(T(d.eps)), r = V::all(T(rate));
            for (long p = 0; p < size; p += V::W) {
                const V g = V::load(slope + p), v = fma(gain * g, g, keep * V::load(second + p));
                v.store(second + p);
                (V::load(theta + p) - r * g / (root(v) + eps)).store(theta + p);
            }
            return;
        }
        default: {
            const V r = V::all(T(rate));
            for (long p = 0; p < size; p += V::W)
                (V::load(theta + p) - r * V::load(slope + p)).store(theta + p);
        }
        }
    }
};
