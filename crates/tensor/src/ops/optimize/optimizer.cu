// What changes from one step of an optimiser to the next: `rates` are the learning rate and the second moment's correction,
// see `struct Step`. They are in memory so that steps that were recorded follow them.

extern "C" __global__ void set_rates(float lr, float correction2, float* __restrict__ rates) {
    if (first_element() == 0) {
        rates[0] = lr;
        rates[1] = correction2;
    }
}

// One step of an optimiser, whose gradient has the weight decay added to it.
extern "C" __global__ void optimizer_step(
    int kind, float decay1, float rest1, float decay2, float rest2, float eps, float weight_decay,
    const float* __restrict__ rates, usize n,    const float* __restrict__ gradient, float* __restrict__ parameters, float* __restrict__ first,
    float* __restrict__ second) {
    const Step step = {__ldg(rates), decay1, rest1, decay2, rest2, __ldg(rates + 1), eps};
    for (usize i = first_element(); i < n; i += all_threads()) {
        float g = gradient[i];
        if (weight_decay != 0.0f) { g += weight_decay * parameters[i]; }
        parameters[i] = stepped(kind, step, parameters[i], g, first[i], second[i]);
    }
}
