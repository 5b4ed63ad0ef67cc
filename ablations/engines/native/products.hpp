// Matrix products whose sums run in one fixed order, whatever the instruction set: k = 0, 1, 2, ... one fma each.
#pragma once

#include "simd.hpp"

constexpr int PAD = 16;  // rows of scratch matrices are a multiple of this many numbers, zeros behind the last column
constexpr INLINE long padded(long n) { return (n + PAD - 1) / PAD * PAD; }

// What happens to a finished sum.
enum class Finish { plain, relu, active };

// An operand whose number (r, k) is at p[r * row + k * column]; broadcast, so any strides do.
template <class T> struct Strided {
    const T* p;
    long row, column;
};

// An operand, or a result, of rows of whole vectors.
template <class T> struct Rows {
    T* p;
    long stride;
};

// R rows by V vectors of C: start + sum_k A(r, k) B(k, :), kept in registers. start: a row, C itself, or null for 0.
template <class T, int R, int V, Finish F>
INLINE void tile(int K, Strided<T> a, Rows<const T> b, Rows<T> c, const T* bias, bool add, Rows<const T> h) {
    constexpr int W = Vec<T>::W;
    Vec<T> sum[R][V];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            sum[r][v] = add    ? Vec<T>::load(c.p + r * c.stride + v * W)
                        : bias ? Vec<T>::load(bias + v * W)
                               : Vec<T>::all(0);
    const T* left = a.p;
    const T* right = b.p;
    for (int k = 0; k < K; k++, left += a.column, right += b.stride) {
        Vec<T> row[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) row[v] = Vec<T>::load(right + v * W);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const Vec<T> x = Vec<T>::all(left[r * a.row]);
#pragma GCC unroll 4
            for (int v = 0; v < V; v++) sum[r][v] = fma(x, row[v], sum[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            Vec<T> x = sum[r][v];
            if (F == Finish::relu) x = relu(x);
            if (F == Finish::active) x = where_active(x, Vec<T>::load(h.p + r * h.stride + v * W));
            x.store(c.p + r * c.stride + v * W);
        }
}

template <class T, int R, int V, Finish F>
INLINE int tiles(int r, int M, int K, Strided<T> a, Rows<const T> b, Rows<T> c, const T* bias, bool add,
                 Rows<const T> h) {
    for (; r + R <= M; r += R)
        tile<T, R, V, F>(K, {a.p + r * a.row, a.row, a.column}, b, {c.p + r * c.stride, c.stride}, bias, add,
                         {h.p + r * h.stride, h.stride});
    return r;
}

template <class T, int V, Finish F>
void columns(int M, int K, Strided<T> a, Rows<const T> b, Rows<T> c, const T* bias, bool add, Rows<const T> h) {
    constexpr int R = V > 2 ? 4 : REGISTERS == 16 && V == 2 ? 6 : 8;  // enough independent sums to hide the latency of
    int r = 0, whole = M / R * R;                                     // fma, few enough for registers
    if (R == 6 && (M - whole == 2 || M - whole == 3) && whole) whole -= R;  // two rows more than a tile: better two of 4
    r = tiles<T, R, V, F>(r, whole, K, a, b, c, bias, add, h);
    r = tiles<T, 4, V, F>(r, M, K, a, b, c, bias, add, h);
    tiles<T, 1, V, F>(r, M, K, a, b, c, bias, add, h);
}

// All columns of C. Of the ``ahead`` rows that follow on B's, what these columns will need is asked for in time.
template <class T, Finish F>
void across(int M, int N, int K, Strided<T> a, Rows<const T> b, Rows<T> c, const T* bias, bool add, Rows<const T> h,
            int ahead = 0) {
    constexpr int W = Vec<T>::W, MOST = REGISTERS == 16 ? 2 : 4, LINE = 64 / sizeof(T);
    int n = 0;
    auto at = [&](auto call) {
        for (int k = K; k < K + ahead; k++)
            for (int line = 0; line < MOST * W && n + line < N; line += LINE) __builtin_prefetch(b.p + k * b.stride + n + line, 0, 2);
        call(Rows<const T>{b.p + n, b.stride}, Rows<T>{c.p + n, c.stride}, bias ? bias + n : nullptr,
             Rows<const T>{h.p + n, h.stride});
    };
    for (; n + MOST * W <= N; n += MOST * W)
        at([&](auto b, auto c, auto s, auto h) { columns<T, MOST, F>(M, K, a, b, c, s, add, h); });
    for (; n + 2 * W <= N && MOST > 2; n += 2 * W)
        at([&](auto b, auto c, auto s, auto h) { columns<T, 2, F>(M, K, a, b, c, s, add, h); });
    for (; n < N; n += W)
        at([&](auto b, auto c, auto s, auto h) { columns<T, 1, F>(M, K, a, b, c, s, add, h); });
}

// C (M, N) = finish([bias or C or 0] + A (M, K) B (K, N)); N a multiple of PAD. h: for Finish::active. Of large matrices a
// block of A's rows and a block of B's at a time, so that both are in the cache; sums go on where they were.
template <class T, Finish F>
void product(int M, int N, int K, Strided<T> a, Rows<const T> b, Rows<T> c, const T* bias = nullptr,
             bool add = false, Rows<const T> h = {nullptr, 0}) {
    constexpr int HIGH = 96, DEEP = 64;
    for (int m = 0; m < M; m += HIGH) {
        const int rows = M - m < HIGH ? M - m : HIGH;
        const Rows<T> part = {c.p + m * c.stride, c.stride};
        const Rows<const T> active = {h.p + m * h.stride, h.stride};
        int k = 0;
        auto left = [&] { return Strided<T>{a.p + m * a.row + k * a.column, a.row, a.column}; };
        auto right = [&] { return Rows<const T>{b.p + k * b.stride, b.stride}; };
        for (; K - k > DEEP + DEEP / 2; k += DEEP) {
            const int ahead = m ? 0 : K - k - DEEP < DEEP ? K - k - DEEP : DEEP;
            across<T, Finish::plain>(rows, N, DEEP, left(), right(), part, k ? nullptr : bias, add || k, active, ahead);
        }
        across<T, F>(rows, N, K - k, left(), right(), part, k ? nullptr : bias, add || k, active);
    }
}

// The sum of PAD numbers, halves added to halves: the same order whatever the width of a vector.
template <class T> INLINE T total(Vec<T> (&parts)[PAD / Vec<T>::W]) {
#pragma GCC unroll 4
    for (int n = PAD / Vec<T>::W / 2; n > 0; n /= 2)
#pragma GCC unroll 4
        for (int v = 0; v < n; v++) parts[v] = parts[v] + parts[v + n];
    return halves(parts[0]);
}

// C (M, N) = bias + X (M, K) W (N, K)^T for few N: dot products of rows of whole vectors, PAD partial sums each.
template <class T>
void dots(int M, int N, int K, Rows<const T> x, Rows<const T> w, Rows<T> c, const T* bias, bool positive) {
    constexpr int W = Vec<T>::W;
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            Vec<T> parts[PAD / W];
            for (auto& part : parts) part = Vec<T>::all(0);
            for (int k = 0; k < K; k += PAD)
#pragma GCC unroll 8
                for (int v = 0; v < PAD / W; v++)
                    parts[v] = fma(Vec<T>::load(x.p + m * x.stride + k + v * W),
                                   Vec<T>::load(w.p + n * w.stride + k + v * W), parts[v]);
            const T sum = total(parts) + (bias ? bias[n] : T(0));
            c.p[m * c.stride + n] = positive && sum <= 0 ? T(0) : sum;
        }
}

// B (columns, rows) = A (rows, columns) transposed. Behind the last of a row's numbers B is left as it is.
template <class T> void transpose(int rows, int columns, Rows<const T> a, Rows<T> b) {
    constexpr int S = 4;
    typedef T Four __attribute__((vector_size(S * sizeof(T)), aligned(sizeof(T)), may_alias));
    int i = 0;
    for (; i + S <= rows; i += S) {
        int o = 0;
        for (; o + S <= columns; o += S) {
            const T* from = a.p + i * a.stride + o;
            T* to = b.p + o * b.stride + i;
            const Four w = *(const Four*)from, x = *(const Four*)(from + a.stride),
                       y = *(const Four*)(from + 2 * a.stride), z = *(const Four*)(from + 3 * a.stride);
            const Four wx_low = __builtin_shufflevector(w, x, 0, 4, 1, 5);
            const Four wx_high = __builtin_shufflevector(w, x, 2, 6, 3, 7);
            const Four yz_low = __builtin_shufflevector(y, z, 0, 4, 1, 5);
            const Four yz_high = __builtin_shufflevector(y, z, 2, 6, 3, 7);
            *(Four*)to = __builtin_shufflevector(wx_low, yz_low, 0, 1, 4, 5);
            *(Four*)(to + b.stride) = __builtin_shufflevector(wx_low, yz_low, 2, 3, 6, 7);
            *(Four*)(to + 2 * b.stride) = __builtin_shufflevector(wx_high, yz_high, 0, 1, 4, 5);
            *(Four*)(to + 3 * b.stride) = __builtin_shufflevector(wx_high, yz_high, 2, 3, 6, 7);
        }
        for (; o < columns; o++)
            for (int s = 0; s < S; s++) b.p[o * b.stride + i + s] = a.p[(i + s) * a.stride + o];
    }
    for (; i < rows; i++)
        for (int o = 0; o < columns; o++) b.p[o * b.stride + i] = a.p[i * a.stride + o];
}
