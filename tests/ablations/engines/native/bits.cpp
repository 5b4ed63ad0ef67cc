// Trains small networks on made-up batches and prints every parameter's bits: the same text on every instruction set.
#include <cinttypes>
#include <cstdio>
#include <vector>

#include "network.hpp"

static uint64_t state = 1;

static double uniform() {  // in [-1, 1); the sequence is the same everywhere (Knuth's 64-bit linear congruence)
    state = state * 6364136223846793005u + 1442695040888963407u;
    return double(state >> 11) / double(1ull << 52) - 1;
}

template <class T> static void train(std::vector<LayerSpec> layers, int observation, int actions, int dueling) {
    const int64_t lanes = 2, batch = 19, last = int64_t(layers.size()) - 1;
    const int64_t used = layers[last].bias + layers[last].outputs, size = (used + 63) / 64 * 64;
    std::vector<T> theta(lanes * size), first(theta), second(theta), q(lanes * batch * actions), delta(lanes * batch);
    std::vector<T> obs(lanes * batch * observation), y(lanes * batch), weight(lanes * batch), out(3 * lanes);
    std::vector<int64_t> action(lanes * batch);
    std::vector<uint8_t> alive(lanes, 1);
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t p = 0; p < used; p++) theta[lane * size + p] = T(uniform() / 4);
    Network<T> network(layers.data(), int(layers.size()), actions, dueling, size);
    for (int64_t rule = 0; rule < 3; rule++)
        for (int step = 1; step <= 4; step++) {
            for (auto* numbers : {&obs, &y, &weight})
                for (T& x : *numbers) x = T(uniform());
            for (int64_t& a : action) a = int64_t((uniform() + 1) / 2 * actions);
            Descent d = {};
            d.lanes = lanes, d.batch = batch, d.stride = size;
            d.theta = theta.data(), d.first = first.data(), d.second = second.data(), d.alive = alive.data();
            d.obs = obs.data(), d.obs_lane = batch * observation, d.obs_row = observation;
            d.action = action.data(), d.y = y.data(), d.weight = weight.data();
            d.q = q.data(), d.delta = delta.data();
            d.loss = &out[0], d.norm = &out[lanes], d.largest = &out[2 * lanes];
            d.rule = rule, d.huber = step % 2, d.max_norm = 0.5;
            d.learning_rate = 0.01, d.eps = 1e-8, d.correction_1 = 0.1 * step, d.correction_2 = 0.001 * step;
            if (network.descend(d) != 0) printf("a lane was frozen\n");
            network.values(lanes, batch, theta.data(), size, obs.data(), batch * observation, observation, q.data());
            for (T x : q) printf("%a\n", double(x));
        }
    for (T x : theta) printf("%a\n", double(x));
}

int main() {
    // a trunk of 33 and 16, linear; then streams with a hidden layer of 5; then no hidden layer
    const std::vector<LayerSpec> trunk = {{-1, 7, 33, 1, 0, 0, 231}, {0, 33, 16, 1, 0, 264, 792}};
    std::vector<LayerSpec> linear = trunk, streams = trunk;
    linear.push_back({1, 16, 9, 0, 0, 808, 952});
    streams.push_back({1, 16, 5, 1, 1, 808, 888});
    streams.push_back({2, 5, 3, 0, 1, 893, 908});
    streams.push_back({1, 16, 5, 1, 1, 911, 991});
    streams.push_back({4, 5, 1, 0, 1, 996, 1001});
    train<float>(linear, 7, 9, -1), train<double>(linear, 7, 9, -1);
    train<float>(streams, 7, 3, 3), train<double>(streams, 7, 3, 3);
    train<float>({{-1, 3, 2, 0, 1, 0, 6}}, 3, 2, -1), train<double>({{-1, 3, 2, 0, 1, 0, 6}}, 3, 2, -1);
}
