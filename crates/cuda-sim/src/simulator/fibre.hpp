// Threads of a block as fibres: stacks of their own, switched by hand, one running at a time.
//
// A fibre is started once by `swapcontext` and switched by `_setjmp` and `_longjmp` from then on, which ask nothing of
// the kernel: some 15 ns instead of 250. It runs one block after another and is never left but by a switch.

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

namespace simulator {

constexpr unsigned MAX_THREADS = 1024;
constexpr size_t STACK_BYTES = 1 << 16;
// Below each stack, never written. Pages that cannot be touched would catch more, but a process can have only so many
// of them, and every library has stacks of its own.
constexpr size_t UNTOUCHED_BYTES = 1 << 8;

struct Fibre {
    jmp_buf state;
    bool started;
};

static Fibre fibres[MAX_THREADS];
// Whoever started the block.
static jmp_buf host;
static ucontext_t where_fibres_come_from;

// The stacks of all; null when there is no memory.
static char* stacks;

// The lowest address of a fibre's stack; null when there is no memory.
static char* stack_of(unsigned fibre) {
    if (stacks == nullptr) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void* memory = mmap(nullptr, MAX_THREADS * STACK_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (memory == MAP_FAILED) { return nullptr; }
        stacks = static_cast<char*>(memory);
    }
    return stacks + fibre * STACK_BYTES + UNTOUCHED_BYTES;
}

static bool on_stacks(const char* address) {
    return stacks <= address && address < stacks + MAX_THREADS * STACK_BYTES;
}

// Whether the first `n` fibres have stayed on their stacks.
static bool stacks_sufficed(unsigned n) {
    for (unsigned fibre = 0; fibre < n; fibre++) {
        const char* below = stack_of(fibre) - UNTOUCHED_BYTES;
        for (size_t i = 0; i < UNTOUCHED_BYTES; i++) {
            if (below[i] != 0) { return false; }
        }
    }
    return true;
}

// Makes `fibre` begin with `body`, which must not return, when it is next switched to.
static bool start_fibre(unsigned fibre, void (*body)()) {
    char* stack = stack_of(fibre);
    if (stack == nullptr) { return false; }
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    // Stacks that all end at the same offset would share few sets of the caches.
    context.uc_stack.ss_size = STACK_BYTES - UNTOUCHED_BYTES - fibre % 64 * 448;
    makecontext(&context, body, 0);
    fibres[fibre].started = true;
    if (_setjmp(host) == 0) { swapcontext(&where_fibres_come_from, &context); }
    return true;
}

// What a fibre does first: back to `start_fibre`, until it is switched to.
static void pause_at_start(unsigned fibre) {
    if (_setjmp(fibres[fibre].state) == 0) { _longjmp(host, 1); }
}

static __attribute__((noinline)) void switch_fibres(unsigned from, unsigned to) {
    if (_setjmp(fibres[from].state) == 0) { _longjmp(fibres[to].state, 1); }
}

static void switch_from_host(unsigned to) {
    if (_setjmp(host) == 0) { _longjmp(fibres[to].state, 1); }
}

// Leaves a fibre that waits for its next block.
static __attribute__((noinline)) void switch_to_host(unsigned from) {
    if (_setjmp(fibres[from].state) == 0) { _longjmp(host, 1); }
}

} // namespace simulator
