//! How many cells are computed at once, and how many networks trained.

use isobath_tensor::{BackendSpec, BackendTask, FullBackend};

use crate::{Memory, memory::available};
use isobath_experiment::{Plan, TrainPlan};

/// Units of a decoder that keep a thread busy: a few blocks of the kernel, so that threads end at about the same time.
const UNITS_PER_THREAD: usize = 256;

/// Units of decoders that keep a large device busy: 132 multiprocessors train 16 at a time each.
const UNITS_PER_DEVICE: usize = 132 * 16;

/// Cells on a device at once, at most: with more, the host is what they wait for.
const MOST_ON_DEVICE: usize = 8;

/// Networks trained together on a device, at most: enough to fill it, if they are not tiny, several times.
const MOST_TOGETHER: usize = 64;

/// The memory that cells may have together where the system does not say what there is.
const FALLBACK: u64 = 2 << 30;

/// How many cells of `plan` to compute at once: enough for all threads of the current pool, no more than there are
/// threads, and no more than fit into half of the memory that is left. A device's memory is not known here: where it does not
/// suffice, its error says so, and the user's own number helps.
pub(super) fn cells_at_once(plan: &Plan) -> usize {
    let wanted = wanted(plan, rayon::current_num_threads());
    let limit = available().map_or(FALLBACK, |bytes| bytes / 2);
    Memory::of(plan).map_or(1, |memory| wanted.min(fitting(memory, limit)))
}

fn wanted(plan: &Plan, threads: usize) -> usize {
    // A decoder has as many units as its layer has inputs.
    let units = &plan.network.widths()[..plan.layers];
    let mean = (units.iter().sum::<usize>() / units.len()).max(1);
    match plan.file.cascade.backend {
        BackendSpec::Cpu => (threads * UNITS_PER_THREAD).div_ceil(mean).min(threads),
        BackendSpec::Cuda { .. } => networks_on_device(mean),
        // Each of its cells is the work of one thread.
        _ => threads,
    }
}

/// Cells of networks of mean width `mean` that keep a device busy: twice what fills it, so that it has work while some wait
/// for the host.
pub fn networks_on_device(mean: usize) -> usize {
    (2 * UNITS_PER_DEVICE).div_ceil(mean.max(1)).min(MOST_ON_DEVICE)
}

/// How many networks to train at once, by the same rules. Products of minibatches are too small to keep several threads
/// busy, so each training is one thread's work; on a device they are done together, as many as fit into half of its memory.
pub(super) fn trainings_at_once(plan: &Plan, train: &TrainPlan) -> usize {
    let backend = train.section.backend;
    let limit = available().map_or(FALLBACK, |bytes| bytes / 2);
    let Some(memory) = Memory::of_trainings(plan, train) else { return 1 };
    let wanted = match backend {
        BackendSpec::Cuda { .. } => match backend.dispatch(SpareBytes) {
            Ok(bytes) => fitting(memory.on_device(), bytes).min(MOST_TOGETHER),
            // It will be said when it is wanted.
            Err(_) => MOST_TOGETHER,
        },
        _ => rayon::current_num_threads(),
    };
    wanted.min(fitting(memory, limit))
}

/// How many networks predictors are asked about at once: each on a stream of its own where it is on a device.
pub(super) fn predictor_tasks_at_once(plan: &Plan, train: &TrainPlan) -> usize {
    let at_once = trainings_at_once(plan, train);
    match train.section.backend {
        BackendSpec::Cuda { .. } => at_once.min(MOST_ON_DEVICE),
        _ => at_once,
    }
}

/// How many of `at_once` networks under way may be trained together.
pub(super) const fn trainings_together(train: &TrainPlan, at_once: usize) -> usize {
    if train.section.backend.is_device() { at_once } else { 1 }
}

/// Bytes of a device that all work under way may keep.
struct SpareBytes;

impl BackendTask for SpareBytes {
    type Output = u64;

    fn run<B: FullBackend>(self, backend: B) -> u64 {
        (MOST_ON_DEVICE * backend.spare_bytes()) as u64
    }
}

/// Cells that fit into `limit` bytes; one always does.
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
    fn narrow_networks_go_side_by_side_and_wide_ones_alone() {
        for (width, threads, cells) in
            [("64", 2, 2), ("64", 16, 16), ("784", 1, 1), ("784", 2, 1), ("784", 16, 6)]
        {
            assert_eq!(wanted(&plan(width, "cpu"), threads), cells, "{width}, {threads} threads");
        }
        assert_eq!(wanted(&plan("784", "reference"), 4), 4);
    }

    #[test]
    fn a_device_has_several_cells_whatever_the_threads() {
        for (width, cells) in [("64", 8), ("784", 6), ("3072", 2)] {
            let mut plan = plan(width, "cpu");
            plan.file.cascade.backend = BackendSpec::Cuda { ordinal: 0 };
            assert_eq!([1, 16].map(|threads| wanted(&plan, threads)), [cells; 2], "{width}");
        }
    }

    #[test]
    fn memory_limits_the_number_of_cells() {
        let memory = Memory { shared: 100, cell: 50, device: 0 };
        assert_eq!([0, 149, 200, 249, 250].map(|limit| fitting(memory, limit)), [1, 1, 2, 2, 3]);
        assert_eq!(memory.total(2), 200);
    }
}
