// What kernels, compiled one file at a time, need of the runtime, compiled once.

#include <stddef.h>
#include <stdint.h>

struct dim3 {
    unsigned x, y, z;
};

#pragma GCC visibility push(hidden)

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace simulator {

constexpr unsigned WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// Where in the source something is.
struct Place {
    const char* file;
    int line;
};

enum class State : unsigned char { READY, AT_BARRIER, IN_WARP, DONE };

struct Thread;
// What a warp does together once its lanes are there, each with its `data`.
typedef void (*Together)(Thread* lanes, unsigned mask);

struct Thread {
    State state;
    // What it waits for or waited for last, and where.
    const char* operation;
    Place place;
    // In a warp: with which lanes, to do what, and what it brings along.
    unsigned mask;
    Together together;
    void* data;
};

// A memory that a kernel was given.
struct Memory {
    char* begin;
    size_t bytes;
    // Which argument it is, from 1 on.
    unsigned argument;
};

// As in library.rs.
struct Request {
    unsigned grid[2];
    unsigned threads, shared_bytes;
    uint64_t seed;
    // One letter for each argument: what it is.
    const char* kinds;
    void** arguments;
    const Memory* memories;
    size_t n_memories;
    char* message;
    size_t message_bytes;
};

// The thread that runs.
extern unsigned me;
extern char* dynamic_shared;

// Ends the launch with a message; the block's threads are given up where they are.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char* format, ...);

void wait_for_block(const char* operation, Place place);
void wait_for_warp(const char* operation, Place place, unsigned mask, Together together, void* data);

void start_copy(void* to, const void* from, unsigned bytes, Place place);
void end_group_of_copies();
void finish_copies(unsigned pending);

// Accesses to memory before come before those after, for the lanes of the mask.
void order_together(Thread* lanes, unsigned mask);

// What a lane holds of matrices: c += a b; see kernels/device.cuh.
struct Fragments {
    float c[4];
    unsigned a[4], b[2];
};
void multiply_tf32_together(Thread* lanes, unsigned mask);
void multiply_bf16_together(Thread* lanes, unsigned mask);

// What a lane says of a row of a matrix, and what it is given of all of them.
struct Transposed {
    const void* row;
    unsigned matrices;
    unsigned out[4];
};
void check_row(const void* row, Place place);
void transpose_together(Thread* lanes, unsigned mask);

// Runs `body` for every thread of every block; `taken` are the types of its arguments. Zero, or one with what went wrong
// in the request's message.
int run(const Request& request, const char* taken, void (*body)(void* call), void* call);

} // namespace simulator

#pragma GCC visibility pop
