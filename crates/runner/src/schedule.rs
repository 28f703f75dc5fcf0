//! Number of concurrent cells, trainings and predictor tasks.

use isobath_tensor::{BackendSpec, BackendTask, FullBackend};

use crate::{Memory, layer_size::LayerSize, memory::available};
use isobath_experiment::{Plan, TrainPlan, Variant};

/// Decoder units that keep one thread busy: a few kernel blocks, so that threads finish at about the same time.
const UNITS_PER_THREAD: usize = 256;

/// Decoder units that keep a large device busy: 132 multiprocessors with 16 units each.
const UNITS_PER_DEVICE: usize = 132 * 16;

/// Maximum number of concurrent cells on a device. Beyond it, the host is the bottleneck.
const MOST_ON_DEVICE: usize = 8;

/// Maximum number of networks per training batch on a device; fills the device several times unless they are tiny.
const MOST_TOGETHER: usize = 64;

/// Memory limit of all cells in bytes, if the system does not report available memory.
const FALLBACK: u64 = 2 << 30;

/// Default number of concurrent cells of `plan`.
///
/// Enough to keep all threads of the current pool busy, at most one per thread and at most as many as fit into half of the
/// available memory. Device memory does not count; if it does not suffice, the user must lower `--at-once`.
pub(super) fn cells_at_once(plan: &Plan) -> usize {
    let wanted = wanted(plan, rayon::current_num_threads());
    let limit = available().map_or(FALLBACK, |bytes| bytes / 2);
    Memory::of(plan).map_or(1, |memory| wanted.min(fitting(memory, limit)))
}

fn wanted(plan: &Plan, threads: usize) -> usize {
    // A decoder of a dense layer has as many units as its layer has inputs, one of a convolution as many as there are
    // channels. The narrowest network needs the most company.
    let mean_units = |variant: &Variant| {
        let layers = variant.network.layers()[..plan.layers].iter();
        let units: usize = layers.map(|layer| LayerSize::of(layer).decoder_units).sum();
        units / plan.layers
    };
    let mean = plan.variants.iter().map(mean_units).min().unwrap_or(1).max(1);
    match plan.file.cascade.backend {
        BackendSpec::Cpu => (threads * UNITS_PER_THREAD).div_ceil(mean).min(threads),
        BackendSpec::Cuda { .. } => networks_on_device(mean),
        // The reference backend uses one thread per cell.
        _ => threads,
    }
}

/// Number of concurrent cells of mean width `mean` that keep a device busy.
///
/// Twice what fills the device, so that it has work while some cells wait for the host.
pub fn networks_on_device(mean: usize) -> usize {
    (2 * UNITS_PER_DEVICE).div_ceil(mean.max(1)).min(MOST_ON_DEVICE)
}

/// Default number of concurrent trainings.
///
/// Minibatch products are too small for several threads, so each training uses one thread. On a device, as many networks
/// train together as fit into half of its memory. Host memory limits the number as in [`cells_at_once`].
pub(super) fn trainings_at_once(plan: &Plan, train: &TrainPlan) -> usize {
    let backend = train.section.backend;
    let limit = available().map_or(FALLBACK, |bytes| bytes / 2);
    let Some(memory) = Memory::of_trainings(plan, train) else { return 1 };
    let wanted = match backend {
        BackendSpec::Cuda { .. } => match backend.dispatch(SpareBytes) {
            Ok(bytes) => fitting(memory.on_device(), bytes).min(MOST_TOGETHER),
            // The training itself reports the error.
            Err(_) => MOST_TOGETHER,
        },
        _ => rayon::current_num_threads(),
    };
    wanted.min(fitting(memory, limit))
}

/// Default number of concurrent predictor tasks. On a device, each task has its own stream.
pub(super) fn predictor_tasks_at_once(plan: &Plan, train: &TrainPlan) -> usize {
    let at_once = trainings_at_once(plan, train);
    match train.section.backend {
        BackendSpec::Cuda { .. } => at_once.min(MOST_ON_DEVICE),
        _ => at_once,
    }
}

/// Maximum batch size for `at_once` concurrent trainings. Host backends train each network separately.
pub(super) const fn trainings_together(train: &TrainPlan, at_once: usize) -> usize {
    if train.section.backend.is_device() { at_once } else { 1 }
}

/// Backend task that returns the device memory available to all running work, in bytes.
struct SpareBytes;

impl BackendTask for SpareBytes {
    type Output = u64;

    fn run<B: FullBackend>(self, backend: B) -> u64 {
        (MOST_ON_DEVICE * backend.spare_bytes()) as u64
    }
}

/// Number of cells that fit into `limit` bytes, at least one.
fn fitting(memory: Memory, limit: u64) -> usize {
    let room = limit.saturating_sub(memory.shared) / memory.cell.max(1);
    usize::try_from(room).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_experiment::read_text;

    fn plan(width: &str, backend: &str) -> Plan {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 1000\nprobe = 10\n\
             [network]\ndepth = 9\nwidth = {width}\n[grid]\nsigma_w2 = 1.5\nsigma_b2 = 0.05\n\
             [cascade]\nbackend = \"{backend}\"\n"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap()
    }

    #[test]
    fn narrow_networks_run_concurrently_and_wide_ones_alone() {
        for (width, threads, cells) in
            [("64", 2, 2), ("64", 16, 16), ("784", 1, 1), ("784", 2, 1), ("784", 16, 6)]
        {
            assert_eq!(wanted(&plan(width, "cpu"), threads), cells, "{width}, {threads} threads");
        }
        assert_eq!(wanted(&plan("784", "reference"), 4), 4);
    }

    #[test]
    fn convolutions_of_few_channels_run_concurrently() {
        let text = "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 1000\nprobe = 10\n\
                    [network]\nkind = \"cnn\"\ndepth = 9\nchannels = 16\n[grid]\nsigma_w2 = 1.5\n";
        let plan = Plan::new(read_text(text, "test", &[]).unwrap()).unwrap();
        assert_eq!([1, 2, 16].map(|threads| wanted(&plan, threads)), [1, 2, 16]);
    }

    #[test]
    fn number_of_device_cells_is_independent_of_threads() {
        for (width, cells) in [("64", 8), ("784", 6), ("3072", 2)] {
            let mut plan = plan(width, "cpu");
            plan.file.cascade.backend = BackendSpec::Cuda { ordinal: 0 };
            assert_eq!([1, 16].map(|threads| wanted(&plan, threads)), [cells; 2], "{width}");
        }
    }

    #[test]
    fn memory_limits_the_number_of_cells() {
        let memory = Memory { shared: 100, cell: 50, ..Memory::default() };
        assert_eq!([0, 149, 200, 249, 250].map(|limit| fitting(memory, limit)), [1, 1, 2, 2, 3]);
        assert_eq!(memory.total(2), 200);
    }
}
