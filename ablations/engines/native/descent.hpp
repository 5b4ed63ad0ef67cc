// One update of every lane: fused, from the batch to the new parameters; or from gradients that somebody else gave.
#pragma once

#include "distributions.hpp"
#include "heads.hpp"
#include "losses.hpp"
#include "rules.hpp"

// Pointers to numbers are to the training type.
struct Descent {
    int64_t lanes, batch, stride;  // stride: numbers per lane in each of the blocks below
    void *theta, *first, *second, *grad;
    int64_t *updates, *frozen_at;  // (1); (L): the update that froze a lane, which keeps its parameters; 0: none did
    float* count;                  // (1): the rule's steps
    const void* obs;
    int64_t obs_lane, obs_row, shown;  // strides of obs (L, B, ...) in its own numbers, and what these are: ``Shown``
    const int64_t* action;      // (L, B)
    const void *y, *weight;     // (L, B)
    void *q, *delta;            // out: (L, B, A), (L, B)
    const void *by_output, *by_delta;  // the gradient by the compiled part's outputs (L, B, columns), or by delta (L, B)
    void *loss, *norm, *largest;  // (L): loss, gradient norm before clipping, max |Q|
    int64_t loss_kind, rule_kind, centered;
    double learning_rate, eps, max_norm, decay;
};

inline Rule next_rule(const Descent& d) {
    ++*d.updates;
    const double steps = *d.count += 1;
    return {RuleKind(d.rule_kind), d.centered != 0, d.learning_rate, d.eps, d.max_norm, d.decay,
            1 - std::pow(0.9, steps), 1 - std::pow(0.999, steps)};
}

// A lane's new parameters, unless its loss or gradient is not finite or an earlier one was not.
template <class T> void settle(const Descent& d, const Rule& rule, long lane, T* slope, long n) {
    T norm;
    const bool finite = clip(rule, slope, n, norm) & std::isfinite(((const T*)d.loss)[lane]);
    ((T*)d.norm)[lane] = norm;
    if (d.frozen_at[lane] == 0 && !finite) d.frozen_at[lane] = *d.updates;
    const long at = lane * d.stride;
    if (d.frozen_at[lane] == 0) step(rule, slope, n, (T*)d.theta + at, (T*)d.first + at, (T*)d.second + at);
}

// The rule alone, down the gradient ``grad`` (L, stride).
template <class T> void descend_gradient(const Descent& d) {
    const Flush flush;
    const Rule rule = next_rule(d);
    for (long lane = 0; lane < d.lanes; lane++) settle(d, rule, lane, (T*)d.grad + lane * d.stride, d.stride);
}

inline bool in_range(const Descent& d, int actions) {
    for (int64_t i = 0; i < d.lanes * d.batch; i++)
        if (d.action[i] < 0 || d.action[i] >= actions) return false;
    return true;
}

// Of values ``q`` (L, B, actions) that somebody else made: the largest and delta. False if an action is out of range.
template <class T> bool compare(const Descent& d, int actions) {
    if (!in_range(d, actions)) return false;
    const int B = int(d.batch);
    for (long lane = 0; lane < d.lanes; lane++) {
        const long at = lane * d.batch;
        const T* q = (const T*)d.q + at * actions;
        ((T*)d.largest)[lane] = largest(q, B * actions);
        td_errors(B, actions, q, d.action + at, (const T*)d.y + at, (T*)d.delta + at);
    }
    return true;
}

// A known penalty of delta: the losses, and the gradient by delta (L, B).
template <class T> void penalize(const Descent& d, T* by_delta) {
    for (long lane = 0; lane < d.lanes; lane++) {
        const long at = lane * d.batch;
        ((T*)d.loss)[lane] = penalties(LossKind(d.loss_kind), int(d.batch), (const T*)d.delta + at,
                                       (const T*)d.weight + at, by_delta + at);
    }
}

template <class T> class Model {
  public:
    Model(const LayerSpec* specs, int count, HeadKind kind, int columns, int advantage, long size, const Bins& bins)
        : network(specs, count, size),
          head{kind, columns, network.layers + count - 1, network.layers + advantage},
          actions(int(columns / bins.count)), distribution(bins), slope(scratch<T>(size)) {}

    ~Model() { free(slope), free(read), free(by_output), free(by_delta); }

    // (L, B, columns) of obs, whose lanes are ``obs_lane`` apart, every lane's activations staying for ``backward`` with
    // ``keep``; or, with ``values``, (L, B, actions).
    void outputs(long lanes, long batch, const T* theta, long stride, Seen<T> obs, long obs_lane, T* q, bool keep,
                 bool values) {
        const Flush flush;
        constexpr long MOST = 64;  // rows at a time, so that activations stay in the cache
        const long part = keep || batch < MOST ? batch : MOST;
        network.reserve(part, keep ? lanes : 1), room(part);
        for (long lane = 0; lane < lanes; lane++) {
            const T* parameters = theta + lane * stride;
            network.use(keep ? lane : 0);
            network.pack(parameters);
            for (long b = 0; b < batch; b += part) {
                const int rows = int(batch - b < part ? batch - b : part);
                network.forward(parameters, obs.past(lane * obs_lane + b * obs.row), rows);
                if (values)
                    see(rows, q + (lane * batch + b) * actions);
                else
                    head.read(rows, q + (lane * batch + b) * head.columns);
            }
        }
    }

    // One fused update. False, and nothing was changed, if an action is out of range.
    bool descend(const Descent& d) {
        const int B = int(d.batch);
        if (!in_range(d, actions)) return false;
        const Flush flush;
        network.reserve(B, 1), room(B);
        const Rule rule = next_rule(d);
        for (long lane = 0; lane < d.lanes; lane++) {
            const long at = lane * d.batch;
            look(d, lane, 0);
            const T* weight = (const T*)d.weight + at;
            T& loss = ((T*)d.loss)[lane];
            if (LossKind(d.loss_kind) == LossKind::hl_gauss) {
                loss = distribution.cross_entropies(B, actions, read, d.action + at, (const T*)d.y + at, weight, by_output);
            } else {
                loss = penalties(LossKind(d.loss_kind), B, (const T*)d.delta + at, weight, by_delta);
                by_values(B, actions, d.action + at, by_delta, by_output);
            }
            back(d, lane, by_output, slope);
            settle(d, rule, lane, slope, network.size);
        }
        return true;
    }

    // Q and delta of a batch, everything kept for ``backward``. False if an action is out of range.
    bool forward(const Descent& d) {
        if (!in_range(d, actions)) return false;
        network.reserve(d.batch, d.lanes), room(d.batch);
        for (long lane = 0; lane < d.lanes; lane++) look(d, lane, lane);
        return true;
    }

    // From a gradient to that by this part's parameters, in ``grad``; then the rule, if there is one.
    void backward(const Descent& d) {
        const Flush flush;
        const int B = int(d.batch), columns = head.columns;
        room(B);
        const Rule rule = d.rule_kind < 0 ? Rule{RuleKind::none, false, 0, 0, 0, 0, 0, 0} : next_rule(d);
        for (long lane = 0; lane < d.lanes; lane++) {
            const long at = lane * d.batch;
            T* grad = (T*)d.grad + lane * d.stride;
            network.use(lane);
            network.pack((T*)d.theta + lane * d.stride);
            if (d.by_delta) by_values(B, columns, d.action + at, (const T*)d.by_delta + at, by_output);
            back(d, lane, d.by_delta ? by_output : (const T*)d.by_output + at * columns, grad);
            if (rule.kind != RuleKind::none) settle(d, rule, lane, grad, d.stride);
        }
    }

    // The way back through a network of one layer: from the gradient by its output (L, B, columns) to those by what it was
    // given (L, B, inputs), by its weights, as they lie, and by its bias, if it has one.
    void through(long lanes, long batch, const T* theta, long stride, const T* x, long x_lane, long x_row,
                 const T* by_output, T* by_x, T* by_weight, T* by_bias) {
        const Flush flush;
        const LayerSpec& s = network.layers[0].spec;
        const int B = int(batch);
        network.reserve(batch, 1), network.use(0);
        for (long lane = 0; lane < lanes; lane++) {
            const T* parameters = theta + lane * stride;
            network.pack(parameters);
            head.spread(B, by_output + lane * batch * head.columns);
            network.backward(parameters, {x + lane * x_lane, x_row, Shown::numbers}, B, slope);
            memcpy(by_weight + lane * s.inputs * s.outputs, slope + s.weight, sizeof(T) * s.inputs * s.outputs);
            if (s.bias >= 0) memcpy(by_bias + lane * s.outputs, slope + s.bias, sizeof(T) * s.outputs);
            network.by_observation(parameters, B, by_x + lane * batch * s.inputs);
        }
    }

  private:
    Network<T> network;
    Head<T> head;
    int actions;
    Distribution<T> distribution;
    T* slope;  // a lane's gradient, as the parameters lie
    T *read = nullptr, *by_output = nullptr, *by_delta = nullptr;  // (B, columns), (B, columns), (B)
    long rows = 0;

    void room(long batch) {
        if (batch <= rows) return;
        free(read), free(by_output), free(by_delta);
        rows = batch;
        read = scratch<T>(batch * head.columns), by_output = scratch<T>(batch * head.columns);
        by_delta = scratch<T>(batch);
    }

    Seen<T> obs(const Descent& d, long lane) const {
        return Seen<T>{d.obs, d.obs_row, Shown(d.shown)}.past(lane * d.obs_lane);
    }

    // A lane's Q, the largest of it, and delta; the activations stay at ``place``.
    void look(const Descent& d, long lane, long place) {
        const int B = int(d.batch);
        const long at = lane * d.batch;
        const T* theta = (const T*)d.theta + lane * d.stride;
        T* q = (T*)d.q + at * actions;
        network.use(place);
        network.pack(theta);
        network.forward(theta, obs(d, lane), B);
        see(B, q);
        ((T*)d.largest)[lane] = largest(q, B * actions);
        td_errors(B, actions, q, d.action + at, (const T*)d.y + at, (T*)d.delta + at);
    }

    // Q (B, A) of what the network has just been shown; distributions stay in ``read``.
    void see(int B, T* q) {
        head.read(B, actions < head.columns ? read : q);
        if (actions < head.columns) distribution.means(long(B) * actions, read, q);
    }

    void back(const Descent& d, long lane, const T* by_output, T* gradient) {
        head.spread(int(d.batch), by_output);
        network.backward((const T*)d.theta + lane * d.stride, obs(d, lane), int(d.batch), gradient);
    }
};
