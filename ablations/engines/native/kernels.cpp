// What ablations.native.library binds: plain C functions, one thread, no state but the networks' scratch.
#include <new>

#include "acting.hpp"
#include "storage.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT const char* instruction_set() { return INSTRUCTION_SET; }
EXPORT const char* source_digest() { return SOURCE_DIGEST; }

#define FOR_TYPE(NAME, T)                                                                                             \
    EXPORT void* network_new_##NAME(const LayerSpec* specs, int64_t count, int64_t actions, int64_t dueling,          \
                                    int64_t size) {                                                                   \
        return new (malloc(sizeof(Network<T>))) Network<T>(specs, int(count), int(actions), int(dueling), size);      \
    }                                                                                                                 \
    EXPORT void network_free_##NAME(void* network) {                                                                  \
        ((Network<T>*)network)->~Network<T>();                                                                        \
        free(network);                                                                                                \
    }                                                                                                                 \
    EXPORT void network_values_##NAME(void* network, int64_t lanes, int64_t batch, const T* theta, int64_t stride,    \
                                      const T* obs, int64_t obs_lane, int64_t obs_row, T* q) {                        \
        ((Network<T>*)network)->values(lanes, batch, theta, stride, obs, obs_lane, obs_row, q);                       \
    }                                                                                                                 \
    EXPORT int network_descend_##NAME(void* network, const Descent* descent) {                                        \
        return ((Network<T>*)network)->descend(*descent);                                                             \
    }                                                                                                                 \
    EXPORT void ring_put_##NAME(T* rows, int64_t lanes, int64_t capacity, int64_t row, int64_t slot,                  \
                                int64_t features, const T* obs, const T* next_obs, const int64_t* action,             \
                                const T* reward, const T* discount) {                                                 \
        put(rows, lanes, capacity, row, slot, features, obs, next_obs, action, reward, discount);                     \
    }                                                                                                                 \
    EXPORT int ring_take_##NAME(const T* rows, int64_t lanes, int64_t capacity, int64_t row, const int64_t* index,    \
                                int64_t batch, int64_t features, T* obs, T* next_obs, int64_t* action, T* reward,     \
                                T* discount) {                                                                        \
        return take<T>(rows, lanes, capacity, row, index, batch, features,                                            \
                       {obs, next_obs, action, reward, discount});                                                    \
    }                                                                                                                 \
    EXPORT void epsilon_greedy_##NAME(const T* values, int64_t lanes, int64_t actions, const double* u,               \
                                      double epsilon, int64_t* action) {                                              \
        epsilon_greedy(values, lanes, actions, u, epsilon, action);                                                   \
    }                                                                                                                 \
    EXPORT void interaction_act_##NAME(void* network, const Interaction* x) { act(*(Network<T>*)network, *x); }       \
    EXPORT int64_t interaction_settle_##NAME(const Interaction* x) { return settle<T>(*x); }

FOR_TYPE(f32, float)
FOR_TYPE(f64, double)

EXPORT void interaction_cartpole(const Interaction* x) { cartpole(*x); }
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
