// One block: who runs next, who waits for whom, and what is wrong when nobody can go on.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace simulator {

static Thread threads[MAX_THREADS];
static unsigned n_threads, n_done, n_at_barrier;
unsigned me;

// Lanes of each warp that can go on, and warps that have any.
static uint32_t ready_lanes[MAX_THREADS / WARP], ready_warps;
// Lanes of each warp that wait for others of it.
static uint32_t waiting_lanes[MAX_THREADS / WARP];
// The warp that goes on as far as it can, and how many switches it stays that on average.
static unsigned favourite, patience;

// What a thread does, given to it by the launch.
static void (*thread_body)(void* call);
static void* thread_call;

static char* message;
static size_t message_bytes;
static bool failed;

// xorshift64*.
static uint64_t random_state;
static unsigned random_below(unsigned n) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    uint64_t bits = random_state * 0x2545f4914f6cdd1dull >> 32;
    return static_cast<unsigned>(bits * n >> 32);
}

// One of the bits that are set.
static unsigned random_bit(uint32_t bits) {
    unsigned turn = random_below(32);
    uint32_t turned = bits >> turn | bits << (-turn & 31);
    return (static_cast<unsigned>(__builtin_ctz(turned)) + turn) % 32;
}

// Notes what is wrong, if it is the first thing.
__attribute__((format(printf, 1, 0))) static void report_list(const char* format, va_list arguments) {
    if (!failed) { vsnprintf(message, message_bytes, format, arguments); }
    failed = true;
}

__attribute__((format(printf, 1, 2))) static void report(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report_list(format, arguments);
    va_end(arguments);
}

void fail(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report_list(format, arguments);
    va_end(arguments);
    _longjmp(host, 1);
}

// Counts the threads in `state`, and finds one of them.
static unsigned count(State state, const Thread** one) {
    unsigned n = 0;
    for (unsigned i = 0; i < n_threads; i++) {
        if (threads[i].state == state) {
            *one = &threads[i];
            n += 1;
        }
    }
    return n;
}

[[noreturn]] static void fail_stuck() {
    const Thread *barrier = nullptr, *warp = nullptr, *done = nullptr;
    unsigned at_barrier = count(State::AT_BARRIER, &barrier), in_warp = count(State::IN_WARP, &warp);
    unsigned ended = count(State::DONE, &done);
    char waiting[2][256] = {"", ""};
    auto describe = [](char* text, unsigned n, const Thread* t) {
        snprintf(text, 256, "%u wait at %s (%s:%d) and ", n, t->operation, t->place.file, t->place.line);
    };
    if (barrier != nullptr) { describe(waiting[0], at_barrier, barrier); }
    if (warp != nullptr) { describe(waiting[1], in_warp, warp); }
    fail("threads diverge: of %u, %s%s%u have ended", n_threads, waiting[0], waiting[1], ended);
}

// A thread that can go on. Were it any thread, all warps would come about equally far, which hides that one does not
// wait for another.
static unsigned choose() {
    if (ready_lanes[favourite] == 0 || random_below(patience) == 0) { favourite = random_bit(ready_warps); }
    unsigned lane = random_bit(ready_lanes[favourite]);
    ready_lanes[favourite] &= ~(1u << lane);
    if (ready_lanes[favourite] == 0) { ready_warps &= ~(1u << favourite); }
    return favourite * WARP + lane;
}

static void enter(unsigned thread) {
    me = thread;
    threadIdx.x = thread;
}

// Goes on with whoever is chosen.
static void run_another() {
    if (ready_warps == 0) {
        if (n_done == n_threads) { return switch_to_host(me); }
        fail_stuck();
    }
    unsigned from = me, to = choose();
    if (to == from) { return; }
    enter(to);
    switch_fibres(from, to);
}

static void make_ready(unsigned thread) {
    threads[thread].state = State::READY;
    ready_lanes[thread / WARP] |= 1u << thread % WARP;
    ready_warps |= 1u << thread / WARP;
}

static bool same(Place a, Place b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

// Waits for all threads of the block.
void wait_for_block(const char* operation, Place place) {
    threads[me].state = State::AT_BARRIER;
    threads[me].operation = operation;
    threads[me].place = place;
    n_at_barrier += 1;
    if (n_at_barrier == n_threads) {
        n_at_barrier = 0;
        order_block();
        for (unsigned i = 0; i < n_threads; i++) {
            const Thread& t = threads[i];
            if (!same(t.place, place)) {
                fail(
                    "threads diverge: some are at %s (%s:%d), others at %s (%s:%d)", operation, place.file, place.line,
                    t.operation, t.place.file, t.place.line);
            }
            make_ready(i);
        }
    }
    run_another();
}

// Whether all lanes of `mask` wait for the same.
static bool all_there(const Thread* lanes, uint32_t waiting, unsigned mask, Place place, Together together) {
    if ((waiting & mask) != mask) { return false; }
    for (unsigned i = 0; i < WARP; i++) {
        const Thread& t = lanes[i];
        bool agrees = t.mask == mask && t.together == together && same(t.place, place);
        if ((mask >> i & 1) != 0 && !agrees) { return false; }
    }
    return true;
}

// Waits for the lanes of `mask`. The last to come does for all of them what they do together.
void wait_for_warp(const char* operation, Place place, unsigned mask, Together together, void* data) {
    unsigned lane = me % WARP, first = me - lane;
    uint32_t& waiting = waiting_lanes[me / WARP];
    if ((mask >> lane & 1) == 0) {
        fail("%s (%s:%d): lane %u is not in its own mask %#x", operation, place.file, place.line, lane, mask);
    }
    threads[me] = {State::IN_WARP, operation, place, mask, together, data};
    waiting |= 1u << lane;
    if (all_there(&threads[first], waiting, mask, place, together)) {
        together(&threads[first], mask);
        waiting &= ~mask;
        for (unsigned i = 0; i < WARP; i++) {
            if (mask >> i & 1) { make_ready(first + i); }
        }
    }
    run_another();
}

// What every fibre does for ever: its thread of one block after another.
static void fibre_body() {
    pause_at_start(me);
    for (;;) {
        thread_body(thread_call);
        threads[me].state = State::DONE;
        n_done += 1;
        run_another();
    }
}

// Runs a block to its end; on failure its fibres are given up.
static void run_block() {
    n_done = n_at_barrier = ready_warps = favourite = 0;
    memset(ready_lanes, 0, sizeof ready_lanes);
    memset(waiting_lanes, 0, sizeof waiting_lanes);
    patience = 1u << random_below(16);
    forget_order();
    for (unsigned i = 0; i < n_threads; i++) {
        me = i;
        if (!fibres[i].started && !start_fibre(i, fibre_body)) { return report("no memory for the threads' stacks"); }
        threads[i] = {};
        make_ready(i);
    }
    unsigned first = choose();
    enter(first);
    switch_from_host(first);
    if (failed) {
        for (Fibre& fibre : fibres) { fibre.started = false; }
    }
}

} // namespace simulator
