// Launches of the kernels above, for whoever loads the library.
} // namespace

namespace simulator {

// As in library.rs.
struct Request {
    unsigned grid[2];
    unsigned threads, shared_bytes;
    uint64_t seed;
    // One letter for each argument: what it is.
    const char* kinds;
    void** arguments;
    char* message;
    size_t message_bytes;
};

template <class T> constexpr char kind = 's';
template <class T> constexpr char kind<T*> = 'p';
template <> constexpr char kind<int> = 'i';
template <> constexpr char kind<unsigned long long> = 'u';
template <> constexpr char kind<float> = 'f';
template <> constexpr char kind<double> = 'd';

template <class... P> struct Call {
    void (*kernel)(P...);
    void** arguments;
    template <size_t... I> void make(std::index_sequence<I...>) { kernel(*static_cast<P*>(arguments[I])...); }
    static void of_thread(void* call) { static_cast<Call*>(call)->make(std::index_sequence_for<P...>()); }
};

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
        check_shared_guards();
    }
    free(blocks);
    if (!failed && !stacks_sufficed(request.threads)) { report("its threads' variables do not fit their stacks"); }
}

// Zero, or one with what went wrong in the request's message.
template <class... P> static int launch(void (*kernel)(P...), const Request& request) {
    const char taken[] = {kind<P>..., '\0'};
    Call<P...> call = {kernel, request.arguments};
    thread_body = Call<P...>::of_thread;
    thread_launch = &call;
    message = request.message;
    message_bytes = request.message_bytes;
    failed = false;
    random_state = request.seed | 1;
    n_threads = request.threads;
    dynamic_shared_bytes = (request.shared_bytes + 3) / 4 * 4;
    blockDim = {request.threads, 1, 1};
    gridDim = {request.grid[0], request.grid[1], 1};
    check_kinds(request.kinds, taken);
    if (!failed) { run_grid(request); }
    return failed;
}

} // namespace simulator

#define SIMULATOR_ENTRY(NAME) \
    extern "C" __attribute__((visibility("default"))) int simulate_##NAME(const simulator::Request* request) { \
        return simulator::launch(NAME, *request); \
    }
