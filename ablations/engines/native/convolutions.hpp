// Convolutions without padding as products of patches: gathered, and their gradients added back. Images are channels last,
// so a patch is ``kernel`` runs of kernel * channels numbers. The equations are those of ablations/dqn/layers.py.
#pragma once

#include "layers.hpp"

// What observations are made of: numbers of the training type; bytes, as they are, or as shares of 255.
enum class Shown : int64_t { numbers, bytes, shares };

// Observations of a batch, each contiguous, ``row`` of their own numbers apart.
template <class T> struct Seen {
    const void* p;
    long row;
    Shown shown;

    // What begins so many numbers later.
    Seen past(long count) const {
        return {(const char*)p + count * long(shown == Shown::numbers ? sizeof(T) : 1), row, shown};
    }

    // ``count`` numbers of observation b, from number ``at`` on.
    void read(long b, long at, long count, T* __restrict to) const {
        if (shown == Shown::numbers) {
            memcpy(to, (const T*)p + b * row + at, sizeof(T) * count);
            return;
        }
        const uint8_t* from = (const uint8_t*)p + b * row + at;
        if (shown == Shown::bytes)
            for (long i = 0; i < count; i++) to[i] = T(from[i]);
        else
            for (long i = 0; i < count; i++) to[i] = T(from[i]) / T(255);
    }
};

// Scratch memory of a network's convolutions: so many lines of positions at a time that their patches stay in the cache.
template <class T> class Patches {
  public:
    static constexpr long MOST = 1 << 17;  // bytes of patches

    ~Patches() { free(patches), free(strip), free(broad); }

    void reserve(const Layer<T>& a) {
        const LayerSpec& s = a.spec;
        const long n = chunk(a) * a.across;
        grow(patches, patch_room, n * stride(a) + PAD), grow(broad, broad_room, n * a.wide);
        grow(strip, strip_room, s.kernel * s.width * s.channels + PAD);
    }

    // Lines at a time.
    static long chunk(const Layer<T>& a) {
        const long lines = MOST / (a.across * stride(a) * long(sizeof(T)));
        return lines > 0 ? lines : 1;
    }

    // Of a row of patches: not a multiple of 64, or the same numbers of consecutive rows would share a set of the cache.
    static long stride(const Layer<T>& a) { return a.deep + (a.deep % 64 == 0 ? PAD : 0); }

    // The patches of ``count`` lines from line ``first`` of the batch on, (count * across, stride), of observations or of
    // images (B, in_stride).
    void gather(const Layer<T>& a, const Seen<T>* seen, const T* images, long first, long count) {
        const LayerSpec& s = a.spec;
        const long run = s.kernel * s.channels, line = s.width * s.channels, step = s.stride * s.channels;
        T* to = patches;
        for (long g = first; g < first + count; g++) {
            const long b = g / a.lines, at = g % a.lines * s.stride * line;
            if (seen) seen->read(b, at, s.kernel * line, strip);
            const T* from = seen ? strip : images + b * a.in_stride + at;
            for (long x = 0; x < a.across; x++, to += stride(a), from += step)
                for (long y = 0; y < s.kernel; y++) copy(from + y * line, run, to + y * run);
        }
    }

    // The other way: the gradients by patches, as they lie in ``patches``, are added to those by the images they are of.
    void scatter(const Layer<T>& a, T* images, long first, long count) const {
        const LayerSpec& s = a.spec;
        const long run = s.kernel * s.channels, line = s.width * s.channels, step = s.stride * s.channels;
        const T* from = patches;
        for (long g = first; g < first + count; g++) {
            T* to = images + g / a.lines * a.in_stride + g % a.lines * s.stride * line;
            for (long x = 0; x < a.across; x++, from += stride(a), to += step)
                for (long y = 0; y < s.kernel; y++) add(from + y * run, run, to + y * line);
        }
    }

    // Rows of ``outputs`` numbers, whole vectors or not, of lines of a layer's (B, out_stride) as (rows, wide) in ``broad``.
    void spread(const Layer<T>& a, const T* from, long first, long count) {
        const long n = a.spec.outputs;
        for (long g = first, row = 0; g < first + count; g++)
            for (long x = 0; x < a.across; x++, row++) memcpy(broad + row * a.wide, at(a, from, g, x), sizeof(T) * n);
    }

    // The other way.
    void tighten(const Layer<T>& a, T* to, long first, long count) const {
        const long n = a.spec.outputs;
        for (long g = first, row = 0; g < first + count; g++)
            for (long x = 0; x < a.across; x++, row++) memcpy((T*)at(a, to, g, x), broad + row * a.wide, sizeof(T) * n);
    }

    T *patches = nullptr, *broad = nullptr;

  private:
    T* strip = nullptr;  // the lines of an observation that a line of patches is made of
    long patch_room = 0, strip_room = 0, broad_room = 0;

    static const T* at(const Layer<T>& a, const T* rows, long g, long x) {
        return rows + g / a.lines * a.out_stride + (g % a.lines * a.across + x) * a.spec.outputs;
    }

    static void grow(T*& p, long& room, long needed) {
        if (needed <= room) return;
        free(p);
        p = scratch<T>(room = needed);
    }

    // Whole vectors: what is written behind the run is the next one's, or nobody's.
    static INLINE void copy(const T* from, long run, T* to) {
        for (long i = 0; i < run; i += Vec<T>::W) Vec<T>::load(from + i).store(to + i);
    }

    static INLINE void add(const T* from, long run, T* to) {
        constexpr int W = Vec<T>::W;
        long i = 0;
        for (; i + W <= run; i += W) (Vec<T>::load(to + i) + Vec<T>::load(from + i)).store(to + i);
        for (; i < run; i++) to[i] = to[i] + from[i];
    }
};
