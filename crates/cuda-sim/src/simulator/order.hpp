// Which accesses to memory come after which: two to the same place, one of them a write, by threads between which there
// is no barrier, are a race.
//
// Every thread has a clock, and knows how far the clocks of its warp's lanes were when it last met them. The block's
// barriers cut time into epochs. For each two bytes of memory it is kept who wrote last and who has read since.

#include <stdint.h>
#include <string.h>

namespace simulator {

static uint32_t epoch = 1, first_epoch_of_block = 1;
static uint32_t clocks[MAX_THREADS], known[MAX_THREADS][WARP];

static void forget_order() {
    first_epoch_of_block = ++epoch;
    for (uint32_t& clock : clocks) { clock = 1; }
    memset(known, 0, sizeof known);
}

static void order_block() { epoch += 1; }

// The lanes of `mask` meet: each knows what any of them did before, and what any of them knew of the others.
static void order_lanes(unsigned first, unsigned mask) {
    uint32_t all[WARP] = {};
    for (unsigned i = 0; i < WARP && mask != ALL_LANES; i++) {
        for (unsigned j = 0; j < WARP; j++) {
            if ((mask >> i & 1) != 0 && all[j] < known[first + i][j]) { all[j] = known[first + i][j]; }
        }
    }
    for (unsigned i = 0; i < WARP; i++) {
        if (mask >> i & 1) { all[i] = clocks[first + i]++; }
    }
    for (unsigned i = 0; i < WARP; i++) {
        if (mask >> i & 1) { memcpy(known[first + i], all, sizeof all); }
    }
}

// What is kept of two bytes. Epochs of 0 are those of nobody.
struct Accesses {
    uint32_t write_epoch, write_clock;
    // Lanes of a warp that have read in this epoch since the last write, at most as late as the clock says.
    uint32_t read_epoch, read_clock, read_lanes;
    uint16_t writer;
    uint8_t read_warp;
    bool read_by_other_warps, read_by_other_blocks;
};

constexpr unsigned NOBODY = ~0u, ANOTHER_BLOCK = ~1u;

// Whether what a thread of this block did in its epoch, at its clock, came before what this thread does.
static bool is_past(unsigned thread, uint32_t then, uint32_t clock) {
    if (then != epoch || thread == me) { return true; }
    return thread / WARP == me / WARP && known[me][thread % WARP] >= clock;
}

// Whose write this thread's access does not come after.
static unsigned racing_writer(const Accesses& a) {
    if (a.write_epoch == 0) { return NOBODY; }
    if (a.write_epoch < first_epoch_of_block) { return ANOTHER_BLOCK; }
    return is_past(a.writer, a.write_epoch, a.write_clock) ? NOBODY : a.writer;
}

// Whose read this thread's write does not come after.
static unsigned racing_reader(const Accesses& a) {
    if (a.read_by_other_blocks || (a.read_epoch != 0 && a.read_epoch < first_epoch_of_block)) { return ANOTHER_BLOCK; }
    if (a.read_epoch != epoch) { return NOBODY; }
    for (uint32_t lanes = a.read_lanes; lanes != 0; lanes &= lanes - 1) {
        unsigned reader = a.read_warp * WARP + static_cast<unsigned>(__builtin_ctz(lanes));
        if (!is_past(reader, a.read_epoch, a.read_clock)) { return reader; }
    }
    // The other warps' readers were not noted; there is no barrier between theirs and this one's writing either.
    return a.read_by_other_warps ? a.read_warp * WARP + static_cast<unsigned>(__builtin_ctz(a.read_lanes)) : NOBODY;
}

static void note_write(Accesses& a) {
    a = {epoch, clocks[me], 0, 0, 0, static_cast<uint16_t>(me), 0, false, false};
}

static void note_read(Accesses& a) {
    uint32_t lane = 1u << me % WARP;
    if (a.read_epoch == epoch) {
        if (a.read_warp != me / WARP) {
            a.read_by_other_warps = true;
            return;
        }
        bool all_past = true;
        for (uint32_t lanes = a.read_lanes & ~lane; lanes != 0 && all_past; lanes &= lanes - 1) {
            all_past = known[me][__builtin_ctz(lanes)] >= a.read_clock;
        }
        a.read_lanes = all_past ? lane : a.read_lanes | lane;
        if (all_past || a.read_clock < clocks[me]) { a.read_clock = clocks[me]; }
        return;
    }
    if (a.read_epoch != 0 && a.read_epoch < first_epoch_of_block) { a.read_by_other_blocks = true; }
    a.read_epoch = epoch;
    a.read_clock = clocks[me];
    a.read_lanes = lane;
    a.read_warp = static_cast<uint8_t>(me / WARP);
    a.read_by_other_warps = false;
}

} // namespace simulator
