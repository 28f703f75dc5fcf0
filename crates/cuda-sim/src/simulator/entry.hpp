// Entry points of the kernels above, for whoever loads the library.
} // namespace

namespace simulator {

template <class T> constexpr char kind = 's';
template <class T> constexpr char kind<T*> = 'p';
template <> constexpr char kind<int> = 'i';
template <> constexpr char kind<unsigned long long> = 'u';
template <> constexpr char kind<float> = 'f';
template <> constexpr char kind<double> = 'd';

// What is the host's: reading it is no access of a kernel's.
#define UNREPORTED __attribute__((no_sanitize("thread")))

// A kernel with its arguments.
template <class... P> struct Call {
    void (*kernel)(P...);
    void** arguments;
    template <size_t... I> UNREPORTED void make(std::index_sequence<I...>) {
        kernel(*static_cast<P*>(arguments[I])...);
    }
    UNREPORTED static void of_thread(void* call) { static_cast<Call*>(call)->make(std::index_sequence_for<P...>()); }
};

// The types of a kernel's parameters.
template <class... P> UNREPORTED static const char* kinds(void (*)(P...)) {
    static const char taken[] = {kind<P>..., '\0'};
    return taken;
}

template <class... P> UNREPORTED static int launch(void (*kernel)(P...), const Request& request) {
    Call<P...> call = {kernel, request.arguments};
    return run(request, kinds(kernel), Call<P...>::of_thread, &call);
}

} // namespace simulator

#define SIMULATOR_ENTRY(NAME) \
    extern "C" __attribute__((visibility("default"))) UNREPORTED int simulate_##NAME( \
        const simulator::Request* request) { \
        return simulator::launch(NAME, *request); \
    } \
    extern "C" __attribute__((visibility("default"))) UNREPORTED const char* signature_##NAME() { \
        return simulator::kinds(NAME); \
    }
