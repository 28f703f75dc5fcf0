// Shared memory of a block.
//
// Whatever a block has not written is poison: as `float` and as `double` not a number.

// Function-local arrays of a block are static ones of the library, in a section of their own.
extern "C" __attribute__((weak, visibility("hidden"))) char __start_block_shared[], __stop_block_shared[];

namespace simulator {

constexpr uint32_t POISON = 0x7ff8deadu;
constexpr size_t MAX_SHARED_BYTES = 1 << 20;

alignas(1024) static char shared_arena[MAX_SHARED_BYTES];
char* dynamic_shared = shared_arena;
static size_t dynamic_shared_bytes;

static size_t static_shared_bytes() { return static_cast<size_t>(__stop_block_shared - __start_block_shared); }

static void poison(char* begin, size_t bytes) {
    for (size_t i = 0; i + 4 <= bytes; i += 4) { memcpy(begin + i, &POISON, 4); }
}

// Before each block.
static void poison_shared() {
    poison(dynamic_shared, dynamic_shared_bytes);
    poison(__start_block_shared, static_shared_bytes());
}

// In shared memory or where it could have been.
static bool near_shared(const char* address) {
    bool dynamic = shared_arena <= address && address < shared_arena + sizeof shared_arena;
    return dynamic || (__start_block_shared <= address && address < __stop_block_shared);
}

static bool in_shared(const char* begin, size_t bytes) {
    bool dynamic = dynamic_shared <= begin && begin + bytes <= dynamic_shared + dynamic_shared_bytes;
    return dynamic || (__start_block_shared <= begin && begin + bytes <= __stop_block_shared);
}

} // namespace simulator
