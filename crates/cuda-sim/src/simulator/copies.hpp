// Copies to shared memory that are under way.

#include <stdlib.h>

namespace simulator {

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
void start_copy(void* to, const void* from, unsigned bytes, Place place) {
    Copy copy = {static_cast<char*>(to), static_cast<const char*>(from), bytes, copies[me].groups};
    if (reinterpret_cast<uintptr_t>(to) % bytes != 0 || reinterpret_cast<uintptr_t>(from) % bytes != 0) {
        fail("copy_async (%s:%d): an address is not aligned to %u bytes", place.file, place.line, bytes);
    }
    if (!in_shared(copy.to, bytes)) {
        fail("copy_async (%s:%d): the target is not in shared memory", place.file, place.line);
    }
    check_access(to, bytes, true);
    poison(copy.to, bytes);
    Copies& mine = copies[me];
    if (mine.n == mine.capacity) {
        mine.capacity = mine.capacity * 2 + 16;
        mine.items = static_cast<Copy*>(realloc(mine.items, mine.capacity * sizeof(Copy)));
        if (mine.items == nullptr) { fail("no memory for %zu copies of a thread", mine.capacity); }
    }
    mine.items[mine.n++] = copy;
}

void end_group_of_copies() { copies[me].groups += 1; }

// Lets all groups but the latest `pending` arrive.
void finish_copies(unsigned pending) {
    Copies& mine = copies[me];
    size_t n = 0;
    for (; n < mine.n && mine.items[n].group + pending < mine.groups; n++) {
        check_access(mine.items[n].from, mine.items[n].bytes, false);
        check_access(mine.items[n].to, mine.items[n].bytes, true);
        memcpy(mine.items[n].to, mine.items[n].from, mine.items[n].bytes);
    }
    mine.n -= n;
    memmove(mine.items, mine.items + n, mine.n * sizeof(Copy));
}

static void forget_copies() {
    for (unsigned i = 0; i < n_threads; i++) { copies[i].n = copies[i].groups = 0; }
}

} // namespace simulator
