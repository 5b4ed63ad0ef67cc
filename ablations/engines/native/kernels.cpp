// What ablations.native.library binds: plain C functions, one thread, no state but the networks' scratch.
#include <new>

#include "bootstrap.hpp"
#include "descent.hpp"
#include "exploration.hpp"
#include "stepping.hpp"
#include "storage.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT const char* instruction_set() { return INSTRUCTION_SET; }
EXPORT const char* source_digest() { return SOURCE_DIGEST; }

#define FOR_TYPE(NAME, T)                                                                                             \
    EXPORT void* model_new_##NAME(const LayerSpec* specs, int64_t count, int64_t head, int64_t columns,               \
                                  int64_t advantage, int64_t size, const Bins* bins) {                                \
        return new (malloc(sizeof(Model<T>)))                                                                         \
            Model<T>(specs, int(count), HeadKind(head), int(columns), int(advantage), size, *bins);                   \
    }                                                                                                                 \
    EXPORT void model_free_##NAME(void* model) {                                                                      \
        ((Model<T>*)model)->~Model<T>();                                                                              \
        free(model);                                                                                                  \
    }                                                                                                                 \
    EXPORT void model_outputs_##NAME(void* model, int64_t lanes, int64_t batch, const T* theta, int64_t stride,       \
                                     const void* obs, int64_t obs_lane, int64_t obs_row, int64_t shown, T* q,         \
                                     int64_t keep, int64_t values) {                                                  \
        ((Model<T>*)model)->outputs(lanes, batch, theta, stride, {obs, obs_row, Shown(shown)}, obs_lane, q, keep,     \
                                    values);                                                                          \
    }                                                                                                                 \
    EXPORT int model_descend_##NAME(void* model, const Descent* d) { return ((Model<T>*)model)->descend(*d); }        \
    EXPORT int model_forward_##NAME(void* model, const Descent* d) { return ((Model<T>*)model)->forward(*d); }        \
    EXPORT void model_backward_##NAME(void* model, const Descent* d) { ((Model<T>*)model)->backward(*d); }            \
    EXPORT void model_through_##NAME(void* model, int64_t lanes, int64_t batch, const T* theta, int64_t stride,       \
                                     const T* x, int64_t x_lane, int64_t x_row, const T* by_output, T* by_x,          \
                                     T* by_weight, T* by_bias) {                                                      \
        ((Model<T>*)model)->through(lanes, batch, theta, stride, x, x_lane, x_row, by_output, by_x, by_weight, by_bias);\
    }                                                                                                                 \
    EXPORT int compare_##NAME(const Descent* d, int64_t actions) { return compare<T>(*d, int(actions)); }             \
    EXPORT void penalize_##NAME(const Descent* d, T* by_delta) { penalize(*d, by_delta); }                            \
    EXPORT void by_values_##NAME(const Descent* d, int64_t actions, const T* by_delta, T* by_q) {                     \
        by_values(int(d->lanes * d->batch), int(actions), d->action, by_delta, by_q);                                 \
    }                                                                                                                 \
    EXPORT void rule_step_##NAME(const Descent* d) { descend_gradient<T>(*d); }                                       \
    EXPORT void ring_put_##NAME(T* rows, int64_t lanes, int64_t capacity, int64_t row, int64_t slot,                  \
                                int64_t features, const T* obs, const T* next_obs, const int64_t* action,             \
                                const T* reward, const T* discount, const T* ended) {                                 \
        put(rows, lanes, capacity, row, slot, features, obs, next_obs, action, reward, discount, ended);              \
    }                                                                                                                 \
    EXPORT int ring_take_##NAME(const T* rows, int64_t lanes, int64_t capacity, int64_t row, const int64_t* index,    \
                                int64_t batch, int64_t features, T* obs, T* next_obs, int64_t* action, T* reward,     \
                                T* discount, T* ended) {                                                              \
        return take<T>(rows, lanes, capacity, row, index, batch, features,                                            \
                       {obs, next_obs, action, reward, discount, ended});                                             \
    }                                                                                                                 \
    EXPORT int ring_windows_##NAME(const T* rows, int64_t lanes, int64_t capacity, int64_t row, const int64_t* index, \
                                   int64_t batch, int64_t features, int64_t n, int64_t newest, T* obs, T* next_obs,   \
                                   int64_t* action, T* reward, T* discount) {                                         \
        return windows<T>(rows, lanes, capacity, row, index, batch, features, n, newest,                              \
                          {obs, next_obs, action, reward, discount, nullptr});                                        \
    }                                                                                                                 \
    EXPORT void greedy_##NAME(int64_t count, int64_t actions, const T* select, const T* evaluate, const T* reward,    \
                              const T* discount, T* y) {                                                              \
        greedy(count, actions, select, evaluate, reward, discount, y);                                                \
    }                                                                                                                 \
    EXPORT int munchausen_##NAME(const Munchausen* by, int64_t lanes, int64_t batch, int64_t actions, const T* values,\
                                 const int64_t* action, const T* reward, const T* discount, T* y) {                   \
        return munchausen(*by, lanes, batch, actions, values, action, reward, discount, y);                           \
    }                                                                                                                 \
    EXPORT void epsilon_greedy_##NAME(const T* values, int64_t lanes, int64_t actions, const double* u,               \
                                      double epsilon, int64_t* action) {                                              \
        epsilon_greedy(values, lanes, actions, u, epsilon, action);                                                   \
    }

FOR_TYPE(f32, float)
FOR_TYPE(f64, double)

EXPORT void step_cartpole(const Stepping* x) { cartpole(*x); }
EXPORT int64_t step_on(const Stepping* x) { return go_on(*x); }
EXPORT int frames_take(const Frames* x, const int64_t* index, int64_t batch, int after, uint8_t* out) {
    return take_frames(*x, index, batch, after, out);
}
EXPORT int tree_set_many(double* nodes, int64_t lanes, int64_t depth, const int64_t* index, int64_t batch,
                         const double* value) {
    return tree_set(nodes, lanes, depth, index, batch, value);
}
EXPORT int tree_put_one(double* nodes, int64_t lanes, int64_t depth, int64_t slot, const double* value) {
    return tree_put(nodes, lanes, depth, slot, value);
}
EXPORT void tree_find_many(const double* nodes, int64_t lanes, int64_t depth, const double* mass, int64_t batch,
                           int64_t* slot) {
    tree_find(nodes, lanes, depth, mass, batch, slot);
}

// Floating-point operations of ``rounds`` rounds of independent fused multiply-adds: timed, the most this core can do.
EXPORT double peak_f32(int64_t rounds) {
    typedef Vec<float> V;
    constexpr int CHAINS = REGISTERS == 16 ? 12 : 16;
    V sum[CHAINS];
    for (auto& s : sum) s = V::all(1);
    const V x = V::all(0.999f), y = V::all(0.001f);
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) sum[c] = fma(sum[c], x, y);
    static volatile float sink;
    float out[V::W];
    for (auto& s : sum) s.store(out), sink = sink + out[0];
    return 2.0 * CHAINS * V::W * double(rounds);
}
