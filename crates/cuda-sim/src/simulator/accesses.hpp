// Every access of a kernel to memory: it has to be aligned, of memory that there is, and in order.
//
// The compiler reports accesses as it does to its thread sanitiser, and addresses that are not aligned and indices
// beyond an array as it does to its sanitiser of undefined behaviour; this takes the sanitisers' place.

#include <stdlib.h>

// The library itself, with its constants.
extern "C" __attribute__((visibility("hidden"))) char __ehdr_start[], _end[];

namespace simulator {

constexpr size_t CELL_BYTES = 2;
constexpr size_t MAX_REGIONS = 64;

// Memory that kernels use, and what is kept of every cell of it.
struct Region {
    char* begin;
    size_t bytes;
    Accesses* cells;
    // Which argument it is, or 0, and then what it is called.
    unsigned argument;
    const char* name;
};

static Region regions[MAX_REGIONS];
static size_t n_regions, latest_region;

static void add_region(char* begin, size_t bytes, unsigned argument, const char* name) {
    if (bytes == 0 || failed) { return; }
    auto* cells = static_cast<Accesses*>(calloc(bytes / CELL_BYTES + 1, sizeof(Accesses)));
    if (cells == nullptr || n_regions == MAX_REGIONS) {
        free(cells);
        return report("no memory to keep track of its accesses");
    }
    regions[n_regions++] = {begin, bytes, cells, argument, name};
}

static void forget_regions() {
    while (n_regions > 0) { free(regions[--n_regions].cells); }
    latest_region = 0;
}

static bool holds(const Region& r, const char* address, size_t bytes) {
    return r.begin <= address && address + bytes <= r.begin + r.bytes;
}

// What a region is called, in `text`.
static const char* name_of(const Region& r, char* text, size_t bytes) {
    if (r.argument == 0) { return r.name; }
    snprintf(text, bytes, "argument %u", r.argument);
    return text;
}

// Where a thread was when it last waited.
static Place latest_place() {
    Place none = {"the kernel's beginning", 0};
    return threads[me].operation == nullptr ? none : threads[me].place;
}

[[noreturn]] static void fail_outside(const char* address, size_t bytes, bool write) {
    const Region* nearest = nullptr;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < n_regions; i++) {
        const Region& r = regions[i];
        size_t distance = static_cast<size_t>(address < r.begin ? r.begin - address : address - r.begin);
        if (distance < least) {
            least = distance;
            nearest = &r;
        }
    }
    Place place = latest_place();
    char name[32];
    if (nearest == nullptr || least > nearest->bytes + (1 << 20)) {
        fail("it %s %zu bytes that are in no memory, after %s:%d", write ? "writes" : "reads", bytes, place.file,
             place.line);
    }
    fail("it %s %zu bytes at byte %td of %s, which has %zu bytes, after %s:%d", write ? "writes" : "reads", bytes,
         address - nearest->begin, name_of(*nearest, name, sizeof name), nearest->bytes, place.file, place.line);
}

[[noreturn]] static void fail_race(const Region& r, size_t cell, unsigned other, bool write, bool wrote) {
    Place place = latest_place();
    char name[32], whom[64];
    snprintf(whom, sizeof whom, other == ANOTHER_BLOCK ? "another block" : "thread %u", other);
    fail("a race: thread %u %s byte %zu of %s, which %s %s, with no barrier between, after %s:%d", me,
         write ? "writes" : "reads", cell * CELL_BYTES, name_of(r, name, sizeof name), whom, wrote ? "wrote" : "read",
         place.file, place.line);
}

static void check_order(const Region& r, size_t cell, bool write) {
    Accesses& a = r.cells[cell];
    // Another block's shared memory is another memory.
    if (r.argument == 0 && a.write_epoch < first_epoch_of_block && a.read_epoch < first_epoch_of_block) { a = {}; }
    unsigned writer = racing_writer(a);
    if (writer != NOBODY) { fail_race(r, cell, writer, write, true); }
    if (!write) { return note_read(a); }
    unsigned reader = racing_reader(a);
    if (reader != NOBODY) { fail_race(r, cell, reader, write, false); }
    note_write(a);
}

static void check_access(const void* at, size_t bytes, bool write) {
    const char* address = static_cast<const char*>(at);
    if (on_stacks(address)) { return; }
    if (!holds(regions[latest_region], address, bytes)) {
        bool constant = __ehdr_start <= address && address < _end && !near_shared(address);
        if (constant && !write) { return; }
        size_t i = 0;
        while (i < n_regions && !holds(regions[i], address, bytes)) { i++; }
        if (i == n_regions) { fail_outside(address, bytes, write); }
        latest_region = i;
    }
    const Region& r = regions[latest_region];
    size_t offset = static_cast<size_t>(address - r.begin);
    for (size_t cell = offset / CELL_BYTES; cell * CELL_BYTES < offset + bytes; cell++) { check_order(r, cell, write); }
}

} // namespace simulator

// What the compiler knows of an address or index: first of all, where it is used.
struct Use {
    const char* file;
    uint32_t line, column;
};

#define REPORTED(BYTES) \
    void __tsan_read##BYTES(void* address) { simulator::check_access(address, BYTES, false); } \
    void __tsan_write##BYTES(void* address) { simulator::check_access(address, BYTES, true); } \
    void __tsan_unaligned_read##BYTES(void* address) { simulator::check_access(address, BYTES, false); } \
    void __tsan_unaligned_write##BYTES(void* address) { simulator::check_access(address, BYTES, true); }

#pragma GCC visibility push(hidden)
extern "C" {
REPORTED(1)
REPORTED(2)
REPORTED(4)
REPORTED(8)
REPORTED(16)
void __tsan_read_range(void* address, size_t bytes) { simulator::check_access(address, bytes, false); }
void __tsan_write_range(void* address, size_t bytes) { simulator::check_access(address, bytes, true); }
void __ubsan_handle_type_mismatch_v1(Use* use, uintptr_t) {
    simulator::fail("an address at %s:%u is not aligned to its numbers", use->file, use->line);
}
void __ubsan_handle_out_of_bounds(Use* use, uintptr_t index) {
    simulator::fail("index %td at %s:%u is beyond the array", index, use->file, use->line);
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
#pragma GCC visibility pop
