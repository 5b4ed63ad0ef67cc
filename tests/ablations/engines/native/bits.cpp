// Trains small networks on made-up batches and prints every parameter's bits: the same text on every instruction set.
#include <cinttypes>
#include <cstdio>
#include <vector>

#include "bootstrap.hpp"
#include "descent.hpp"

static uint64_t state = 1;

static double uniform() {  // in [-1, 1); the sequence is the same everywhere (Knuth's 64-bit linear congruence)
    state = state * 6364136223846793005u + 1442695040888963407u;
    return double(state >> 11) / double(1ull << 52) - 1;
}

struct Shape {
    std::vector<LayerSpec> layers;
    int64_t observation, columns;
    HeadKind head;
    int64_t advantage, bins = 1;
    Shown shown = Shown::numbers;
};

// A layer whose parameters begin at ``used``, which moves on.
static LayerSpec dense(int64_t& used, int64_t input, int64_t inputs, int64_t outputs, bool relu, bool norm = false) {
    LayerSpec s = {input, inputs, outputs, relu, outputs < 8, used, used + inputs * outputs, -1, -1};
    used = s.bias + outputs;
    if (norm) s.gain = used, s.shift = used + outputs, used += 2 * outputs;
    return s;
}

// Filters over images of ``height`` x ``width`` with so many channels, the output of layer ``input``.
static LayerSpec filters(int64_t& used, int64_t input, int64_t height, int64_t width, int64_t channels, int64_t kernel,
                         int64_t stride, int64_t outputs, bool norm) {
    LayerSpec s = dense(used, input, kernel * kernel * channels, outputs, true);
    s.transposed = 0;
    s.height = height, s.width = width, s.channels = channels, s.kernel = kernel, s.stride = stride;
    const int64_t units = ((height - kernel) / stride + 1) * ((width - kernel) / stride + 1) * outputs;
    if (norm) s.gain = used, s.shift = used + units, used += 2 * units;
    return s;
}

template <class T> static void print(const std::vector<T>& numbers) {
    for (T x : numbers) printf("%a\n", double(x));
}

// Updates by each rule: fused, and by way of ``forward``, ``backward`` and the rule alone.
template <class T> static void train(const Shape& shape, int64_t used) {
    const int64_t lanes = 2, batch = 19, size = (used + 63) / 64 * 64, columns = shape.columns;
    const Bins bins = {shape.bins, -1, 1, 0.75};
    std::vector<T> theta(lanes * size), first(theta), second(theta), grad(theta);
    std::vector<T> q(lanes * batch * columns), by_output(q), delta(lanes * batch), by_delta(delta);
    std::vector<uint8_t> bytes(lanes * batch * shape.observation);
    std::vector<T> obs(lanes * batch * shape.observation), y(lanes * batch), weight(lanes * batch), out(3 * lanes);
    std::vector<int64_t> action(lanes * batch), frozen_at(lanes);
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t p = 0; p < used; p++) theta[lane * size + p] = T(uniform() / 4);
    Model<T> model(shape.layers.data(), int(shape.layers.size()), shape.head, int(columns), int(shape.advantage), size, bins);
    for (int64_t rule = 0; rule < 3; rule++) {
        int64_t updates = 0;
        float count = 0;
        for (int step = 0; step < 8; step++) {
            for (auto* numbers : {&obs, &y, &weight, &by_output, &by_delta})
                for (T& x : *numbers) x = T(uniform());
            for (uint8_t& x : bytes) x = uint8_t((uniform() + 1) * 128);
            for (int64_t& a : action) a = int64_t((uniform() + 1) / 2 * columns / shape.bins);
            Descent d = {};
            d.lanes = lanes, d.batch = batch, d.stride = size;
            d.theta = theta.data(), d.first = first.data(), d.second = second.data(), d.grad = grad.data();
            d.updates = &updates, d.frozen_at = frozen_at.data(), d.count = &count;
            const void* seen = shape.shown == Shown::numbers ? (const void*)obs.data() : bytes.data();
            const int64_t row = shape.observation, lane = batch * row;
            d.obs = seen, d.obs_lane = lane, d.obs_row = row, d.shown = int64_t(shape.shown);
            d.action = action.data(), d.y = y.data(), d.weight = weight.data();
            d.q = q.data(), d.delta = delta.data();
            d.loss = &out[0], d.norm = &out[lanes], d.largest = &out[2 * lanes];
            d.loss_kind = shape.bins > 1 ? 2 : step % 2, d.rule_kind = rule, d.max_norm = 0.5, d.learning_rate = 0.01, d.eps = 1e-8;
            switch (shape.bins > 1 && step / 2 != 2 ? 0 : step / 2) {
            case 0:
                model.descend(d);
                break;
            case 1:  // a penalty of somebody else's
                d.by_delta = by_delta.data();
                model.forward(d), model.backward(d);
                break;
            case 2:  // a head of somebody else's
                d.by_output = by_output.data();
                model.outputs(lanes, batch, theta.data(), size, {seen, row, shape.shown}, lane, q.data(), true, false);
                print(q);
                model.backward(d);
                break;
            case 3:  // a rule of somebody else's, then the rule alone
                d.by_delta = by_delta.data(), d.rule_kind = -1;
                model.forward(d), model.backward(d);
                print(grad);
                d.rule_kind = rule;
                descend_gradient<T>(d);
            }
            model.outputs(lanes, batch, theta.data(), size, {seen, row, shape.shown}, lane, q.data(), false, true);
            print(q), print(delta), print(out);
            if (shape.layers.size() > 1) continue;
            std::vector<T> by_x(obs), by_weight(lanes * shape.layers[0].bias), by_bias(lanes * columns);
            model.through(lanes, batch, theta.data(), size, obs.data(), d.obs_lane, d.obs_row, by_output.data(),
                          by_x.data(), by_weight.data(), by_bias.data());
            print(by_x), print(by_weight), print(by_bias);
        }
        for (int64_t at : frozen_at)
            if (at) printf("a lane was frozen\n");
    }
    print(theta), print(first), print(second);
}

template <class T> static void all() {
    for (bool norm : {false, true}) {
        // a trunk of 33, 16 and 4 units, linear; then streams with a hidden layer of 5
        int64_t used = 0;
        const std::vector<LayerSpec> trunk = {
            dense(used, -1, 7, 33, true, norm), dense(used, 0, 33, 16, true, norm), dense(used, 1, 16, 4, true, norm)};
        Shape linear = {trunk, 7, 9, HeadKind::plain, 0}, streams = {trunk, 7, 3, HeadKind::dueling, 4};
        Shape features = {trunk, 7, 4, HeadKind::plain, 0};
        int64_t end = used;
        linear.layers.push_back(dense(end, 2, 4, 9, false));
        train<T>(linear, end);
        end = used;
        streams.layers.push_back(dense(end, 2, 4, 5, true)), streams.layers.push_back(dense(end, 3, 5, 3, false));
        streams.layers.push_back(dense(end, 2, 4, 5, true)), streams.layers.push_back(dense(end, 5, 5, 1, false));
        train<T>(streams, end);
        train<T>(features, used);  // the trunk alone
        Shape distributions = {trunk, 7, 34, HeadKind::plain, 0, 17};  // two actions, 17 bins each
        distributions.layers.push_back(dense(end = used, 2, 4, 34, false));
        train<T>(distributions, end);
    }
    for (Shown shown : {Shown::numbers, Shown::bytes, Shown::shares}) {
        // 5 filters of 3 x 3 over 9 x 8 x 3, 16 of 2 x 2 by 2 on those, and 20 units; all at once in a large dense layer
        int64_t used = 0;
        const bool norm = shown == Shown::bytes;
        Shape images = {{filters(used, -1, 9, 8, 3, 3, 1, 5, norm), filters(used, 0, 7, 6, 5, 2, 2, 16, norm),
                         dense(used, 1, 3 * 3 * 16, 20, true, norm), dense(used, 2, 20, 3, false)},
                        9 * 8 * 3, 3, HeadKind::plain, 0, 1, shown};
        train<T>(images, used);
    }
    int64_t used = 0;
    const LayerSpec only = dense(used, -1, 3, 2, false);
    train<T>({{only}, 3, 2, HeadKind::plain, 0}, used);
}

// Targets of states whose values differ by little and by much.
template <class T> static void soften() {
    const int64_t lanes = 2, batch = 19, actions = 3;
    std::vector<T> values(2 * lanes * batch * actions), reward(lanes * batch), discount(reward), y(reward);
    std::vector<int64_t> action(lanes * batch);
    for (auto* numbers : {&values, &reward, &discount})
        for (T& x : *numbers) x = T(uniform());
    for (int64_t& a : action) a = int64_t((uniform() + 1) / 2 * actions);
    munchausen({0.9, 0.03, -1}, lanes, batch, actions, values.data(), action.data(), reward.data(), discount.data(),
               y.data());
    print(y);
    greedy(lanes * batch, actions, values.data(), values.data() + lanes * batch * actions, reward.data(), discount.data(),
           y.data());
    print(y);
}

int main() { all<float>(), all<double>(), soften<float>(), soften<double>(); }
