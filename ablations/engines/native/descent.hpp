// One update of every lane: fused, from the batch to the new parameters; or from gradients that somebody else gave.
#pragma once

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
    int64_t obs_lane, obs_row;  // strides of obs (L, B, D)
    const int64_t* action;      // (L, B)
    const void *y, *weight;     // (L, B)
    void *q, *delta;            // out: (L, B, A), (L, B)
    const void* by_output;      // (L, B, columns): the gradient by the compiled part's outputs
    void *loss, *norm, *largest;  // (L): loss, gradient norm before clipping, max |Q|
    int64_t loss_kind, rule_kind;
    double learning_rate, eps, max_norm;
};

inline Rule next_rule(const Descent& d) {
    ++*d.updates;
    const double steps = *d.count += 1;
    return {RuleKind(d.rule_kind), d.learning_rate, d.eps, d.max_norm,
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

template <class T> class Model {
  public:
    Model(const LayerSpec* specs, int count, HeadKind kind, int columns, int advantage, long size)
        : network(specs, count, size),
          head{kind, columns, network.layers + count - 1, network.layers + advantage},
          slope(scratch<T>(size)) {}

    ~Model() { free(slope), free(by_q); }

    // (L, B, columns) of obs (L, B, D). With ``keep`` every lane's activations stay for ``backward``.
    void outputs(long lanes, long batch, const T* theta, long stride, const T* obs, long obs_lane, long obs_row, T* q,
                 bool keep) {
        const Flush flush;
        constexpr long MOST = 64;  // rows at a time, so that activations stay in the cache
        const long part = keep || batch < MOST ? batch : MOST;
        network.reserve(part, keep ? lanes : 1);
        for (long lane = 0; lane < lanes; lane++) {
            const T* parameters = theta + lane * stride;
            network.use(keep ? lane : 0);
            network.pack(parameters);
            for (long b = 0; b < batch; b += part) {
                const int rows = int(batch - b < part ? batch - b : part);
                network.forward(parameters, {obs + lane * obs_lane + b * obs_row, obs_row, 1}, rows);
                head.read(rows, q + (lane * batch + b) * head.columns);
            }
        }
    }

    // One fused update. False, and nothing was changed, if an action is out of range.
    bool descend(const Descent& d) {
        const int B = int(d.batch), actions = head.columns;
        for (int64_t i = 0; i < d.lanes * d.batch; i++)
            if (d.action[i] < 0 || d.action[i] >= actions) return false;
        const Flush flush;
        network.reserve(B, 1), room(B * actions);
        network.use(0);
        const Rule rule = next_rule(d);
        for (long lane = 0; lane < d.lanes; lane++) {
            const long at = lane * d.batch;
            T *theta = (T*)d.theta + lane * d.stride, *q = (T*)d.q + at * actions;
            const Strided<T> obs = {(const T*)d.obs + lane * d.obs_lane, d.obs_row, 1};
            network.pack(theta);
            network.forward(theta, obs, B);
            head.read(B, q);
            ((T*)d.largest)[lane] = largest(q, B * actions);
            ((T*)d.loss)[lane] = penalties(LossKind(d.loss_kind), B, actions, q, d.action + at, (const T*)d.y + at,
                                           (const T*)d.weight + at, (T*)d.delta + at, by_q);
            head.spread(B, by_q);
            network.backward(theta, obs, B, slope);
            settle(d, rule, lane, slope, network.size);
        }
        return true;
    }

    // From the gradient by ``outputs`` to that by this part's parameters, in ``grad``; then the rule, if there is one.
    void backward(const Descent& d) {
        const Flush flush;
        const int B = int(d.batch);
        const Rule rule = d.rule_kind < 0 ? Rule{RuleKind::none, 0, 0, 0, 0, 0} : next_rule(d);
        for (long lane = 0; lane < d.lanes; lane++) {
            T *theta = (T*)d.theta + lane * d.stride, *grad = (T*)d.grad + lane * d.stride;
            network.use(lane);
            network.pack(theta);
            head.spread(B, (const T*)d.by_output + lane * B * head.columns);
            network.backward(theta, {(const T*)d.obs + lane * d.obs_lane, d.obs_row, 1}, B, grad);
            if (rule.kind != RuleKind::none) settle(d, rule, lane, grad, d.stride);
        }
    }

  private:
    Network<T> network;
    Head<T> head;
    T *slope, *by_q = nullptr;  // a lane's gradient, as the parameters lie; (B, A)
    long room_for = 0;

    void room(long numbers) {
        if (numbers <= room_for) return;
        free(by_q);
        by_q = scratch<T>(room_for = numbers);
    }
};
