// Shared memory of a block, and copies to it that are under way.
//
// Whatever a block has not written is poison: as `float` and as `double` not a number.

#include <stdlib.h>

// Function-local arrays of a block are static ones of the library, in a section of their own.
extern "C" __attribute__((weak, visibility("hidden"))) char __start_block_shared[], __stop_block_shared[];

namespace simulator {

constexpr uint32_t POISON = 0x7ff8deadu;
constexpr size_t MAX_SHARED_BYTES = 1 << 20;
constexpr size_t GUARD_BYTES = 1 << 10;

alignas(1024) static char shared_arena[GUARD_BYTES + MAX_SHARED_BYTES + GUARD_BYTES];
static char* const dynamic_shared = shared_arena + GUARD_BYTES;
static size_t dynamic_shared_bytes;

static void poison(char* begin, size_t bytes) {
    for (size_t i = 0; i + 4 <= bytes; i += 4) { memcpy(begin + i, &POISON, 4); }
}

static bool is_poison(const char* begin, size_t bytes) {
    for (size_t i = 0; i + 4 <= bytes; i += 4) {
        if (memcmp(begin + i, &POISON, 4) != 0) { return false; }
    }
    return true;
}

// Before each block. The guards need it only once, but stay whole only as long as no kernel fails.
static void poison_shared() {
    poison(shared_arena, GUARD_BYTES + dynamic_shared_bytes + GUARD_BYTES);
    poison(__start_block_shared, static_cast<size_t>(__stop_block_shared - __start_block_shared));
}

static void check_shared_guards() {
    if (!is_poison(shared_arena, GUARD_BYTES)) {
        report("it wrote before the %zu bytes of dynamic shared memory", dynamic_shared_bytes);
    }
    if (!is_poison(dynamic_shared + dynamic_shared_bytes, GUARD_BYTES)) {
        report("it wrote behind the %zu bytes of dynamic shared memory", dynamic_shared_bytes);
    }
}

static bool in_shared(const char* begin, size_t bytes) {
    bool dynamic = dynamic_shared <= begin && begin + bytes <= dynamic_shared + dynamic_shared_bytes;
    return dynamic || (__start_block_shared <= begin && begin + bytes <= __stop_block_shared);
}

struct Copy {
    char* to;
    const char* from;
    unsigned bytes, group;
};

// A thread's copies that are under way, in the order they were started.
struct Copies {
    Copy* items;
    size_t n, capacity;
    // Groups ended.
    unsigned groups;
};

static Copies copies[MAX_THREADS];

// Nothing arrives before it is waited for: until then the target is poison.
static void start_copy(void* to, const void* from, unsigned bytes, Place place) {
    Copy copy = {static_cast<char*>(to), static_cast<const char*>(from), bytes, copies[me].groups};
    if (reinterpret_cast<uintptr_t>(to) % bytes != 0 || reinterpret_cast<uintptr_t>(from) % bytes != 0) {
        SIMULATOR_FAIL("copy_async (%s:%d): an address is not aligned to %u bytes", place.file, place.line, bytes);
    }
    if (!in_shared(copy.to, bytes)) {
        SIMULATOR_FAIL("copy_async (%s:%d): the target is not in shared memory", place.file, place.line);
    }
    poison(copy.to, bytes);
    Copies& mine = copies[me];
    if (mine.n == mine.capacity) {
        mine.capacity = mine.capacity * 2 + 16;
        mine.items = static_cast<Copy*>(realloc(mine.items, mine.capacity * sizeof(Copy)));
        if (mine.items == nullptr) { SIMULATOR_FAIL("no memory for %zu copies of a thread", mine.capacity); }
    }
    mine.items[mine.n++] = copy;
}

// Lets all groups but the latest `pending` arrive.
static void finish_copies(unsigned pending) {
    Copies& mine = copies[me];
    size_t n = 0;
    for (; n < mine.n && mine.items[n].group + pending < mine.groups; n++) {
        memcpy(mine.items[n].to, mine.items[n].from, mine.items[n].bytes);
    }
    mine.n -= n;
    memmove(mine.items, mine.items + n, mine.n * sizeof(Copy));
}

static void forget_copies() {
    for (unsigned i = 0; i < n_threads; i++) { copies[i].n = copies[i].groups = 0; }
}

} // namespace simulator
