// Launches.

namespace simulator {

static const char* name_of(char kind) {
    switch (kind) {
    case 'p': return "a pointer";
    case 'i': return "int";
    case 'u': return "unsigned long long";
    case 'f': return "float";
    case 'd': return "double";
    default: return "of a type that cannot be given";
    }
}

static void check_kinds(const char* given, const char* taken) {
    if (strlen(given) != strlen(taken)) {
        return report("it takes %zu arguments and is given %zu", strlen(taken), strlen(given));
    }
    for (size_t i = 0; taken[i] != '\0'; i++) {
        if (given[i] != taken[i]) {
            report("argument %zu is %s, given is %s", i + 1, name_of(taken[i]), name_of(given[i]));
        }
    }
}

// Blocks one after the other, in random order.
static void run_grid(const Request& request) {
    unsigned n = request.grid[0] * request.grid[1];
    auto* blocks = static_cast<unsigned*>(malloc(n * sizeof(unsigned)));
    if (blocks == nullptr) { return report("no memory for a grid of %u blocks", n); }
    for (unsigned i = 0; i < n; i++) {
        unsigned k = random_below(i + 1);
        blocks[i] = blocks[k];
        blocks[k] = i;
    }
    for (unsigned i = 0; i < n && !failed; i++) {
        blockIdx = {blocks[i] % request.grid[0], blocks[i] / request.grid[0], 0};
        poison_shared();
        forget_copies();
        run_block();
    }
    free(blocks);
    if (!failed && !stacks_sufficed(request.threads)) { report("its threads' variables do not fit their stacks"); }
}

int run(const Request& request, const char* taken, void (*body)(void* call), void* call) {
    thread_body = body;
    thread_call = call;
    message = request.message;
    message_bytes = request.message_bytes;
    failed = false;
    random_state = request.seed | 1;
    n_threads = request.threads;
    dynamic_shared_bytes = (request.shared_bytes + 3) / 4 * 4;
    blockDim = {request.threads, 1, 1};
    gridDim = {request.grid[0], request.grid[1], 1};
    add_region(dynamic_shared, dynamic_shared_bytes, 0, "dynamic shared memory");
    add_region(__start_block_shared, static_shared_bytes(), 0, "static shared memory");
    for (size_t i = 0; i < request.n_memories; i++) {
        const Memory& memory = request.memories[i];
        add_region(memory.begin, memory.bytes, memory.argument, nullptr);
    }
    check_kinds(request.kinds, taken);
    if (!failed) { run_grid(request); }
    forget_regions();
    return failed;
}

} // namespace simulator
