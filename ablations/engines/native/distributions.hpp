// Bodies of losses whose outputs are distributions over bins of returns. The equations are those of
// ablations/dqn/loss.py.
#pragma once

#include "functions.hpp"
#include "network.hpp"

// What the outputs of an action stand for: its value where there is one; else logits of equal parts of [low, high].
struct Bins {
    int64_t count;
    double low, high, sigma;  // sigma: deviation of a target's distribution, in bins
};

template <class T> class Distribution {
  public:
    explicit Distribution(const Bins& bins)
        : bins(bins),
          room(padded(bins.count + 1)),
          edges(scratch<T>(room)), centers(scratch<T>(room)), logits(scratch<T>(room)), share(scratch<T>(room)),
          below(scratch<T>(room)), target(scratch<T>(room)) {
        const long n = bins.count;
        for (long z = 0; z <= n; z++) edges[z] = T(bins.low + (bins.high - bins.low) * double(z) / double(n));
        for (long z = n + 1; z < room; z++) edges[z] = edges[n];
        for (long z = 0; z < n; z++) centers[z] = (edges[z] + edges[z + 1]) / 2;
    }

    ~Distribution() {
        for (T* p : {edges, centers, logits, share, below, target}) free(p);
    }

    // The means of n distributions: outputs (n, count) -> q (n).
    void means(long n, const T* outputs, T* q) {
        for (long i = 0; i < n; i++) {
            const T sum = softmax(outputs + i * bins.count).sum;
            q[i] = dot(share, centers) / sum;
        }
    }

    // The mean of weight * cross-entropy from the distribution around y, and its gradient by the outputs.
    T cross_entropies(int B, int actions, const T* outputs, const int64_t* action, const T* y, const T* weight,
                      T* by_output) {
        const long n = bins.count;
        memset(by_output, 0, sizeof(T) * B * actions * n);
        T sum = 0;
        for (int b = 0; b < B; b++) {
            const long at = (b * actions + action[b]) * n;
            const Softmax chosen = softmax(outputs + at);
            around(y[b]);
            const T top = chosen.largest + logarithm(chosen.sum), factor = weight[b] / T(B);
            for (long z = 0; z < room; z++) logits[z] = top - logits[z];
            sum += weight[b] * dot(target, logits);
            for (long z = 0; z < n; z++) by_output[at + z] = factor * (share[z] / chosen.sum - target[z]);
        }
        return sum / T(B);
    }

  private:
    struct Softmax {
        T largest, sum;
    };

    const Bins bins;
    const long room;  // numbers of a row of scratch; behind the last they are of no weight
    T *edges, *centers, *logits, *share, *below, *target;

    // ``share`` <- e^(x - max x), before division by its sum.
    Softmax softmax(const T* x) {
        const long n = bins.count;
        memcpy(logits, x, sizeof(T) * n);
        for (long z = n; z < room; z++) logits[z] = x[0];
        T most[PAD];
        memcpy(most, logits, sizeof most);
        for (long z = PAD; z < room; z += PAD)
            for (int i = 0; i < PAD; i++) most[i] = logits[z + i] > most[i] ? logits[z + i] : most[i];
        for (int half = PAD / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) most[i] = most[i + half] > most[i] ? most[i + half] : most[i];
        for (long z = 0; z < room; z++) share[z] = exponential(logits[z] - most[0]);
        for (long z = n; z < room; z++) share[z] = 0;
        return {most[0], dot(share, nullptr)};
    }

    // ``target`` <- what of a normal distribution around y, as far as it lies between the first and last edge, is in
    // each bin.
    void around(T y) {
        const long n = bins.count;
        const T low = edges[0], high = edges[n], inside = y < low ? low : y > high ? high : y;
        const T scale = T(std::fmin(double(n) / ((bins.high - bins.low) * bins.sigma), 1e15));
        constexpr T FAR = 9;  // deviations: nothing is left beyond
        for (long z = 0; z < room; z += PAD) {
            const bool none = (edges[z + PAD - 1] - inside) * scale < -FAR, all = (edges[z] - inside) * scale > FAR;
            if (none || all)
                for (int i = 0; i < PAD; i++) below[z + i] = T(all);
            else
                for (int i = 0; i < PAD; i++) below[z + i] = normal((edges[z + i] - inside) * scale);
        }
        const T whole = below[n] - below[0];
        for (long z = 0; z < n; z++) target[z] = (below[z + 1] - below[z]) / whole;
    }

    // The sum of x, times ``factor`` if there is one.
    T dot(const T* x, const T* factor) const {
        constexpr int W = Vec<T>::W;
        Vec<T> parts[PAD / W];
        for (auto& part : parts) part = Vec<T>::all(0);
        for (long z = 0; z < room; z += PAD)
#pragma GCC unroll 8
            for (int v = 0; v < PAD / W; v++) {
                const Vec<T> numbers = Vec<T>::load(x + z + v * W);
                parts[v] = factor ? fma(numbers, Vec<T>::load(factor + z + v * W), parts[v]) : parts[v] + numbers;
            }
        return total(parts);
    }
};
