//! Memory requirement of a plan, and available memory.

use indicatif::HumanBytes;
use isobath_architecture::NetworkSpec;
use isobath_cascade::Extent;
use isobath_experiment::{Plan, TrainPlan, Variant};

use crate::{
    Error, Result,
    memory_size::{CascadeSize, FLOAT, TrainingSize},
};

/// Peak memory of the large arrays of a run, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Host memory shared by all cells: the samples.
    pub shared: u64,
    /// Additional host memory per running cell.
    pub cell: u64,
    /// Device memory per running cell; 0 for host backends.
    pub device: u64,
    /// Host memory while the samples are loaded, before any cell runs: with images that are reduced afterwards.
    pub loading: u64,
}

/// Memory of the program itself, with its threads and the figures of its report.
const PROGRAM: u64 = 32 << 20;

impl Memory {
    /// Memory of `plan`'s cascades; `None` if the number of training samples is unknown.
    pub fn of(plan: &Plan) -> Option<Self> {
        let all = plan.variants.iter().map(|variant| Self::of_variant(plan, variant));
        all.reduce(|one, other| Some(one?.most(other?))).flatten()
    }

    /// The larger of each part.
    fn most(self, other: Self) -> Self {
        Self {
            shared: self.shared.max(other.shared),
            cell: self.cell.max(other.cell),
            device: self.device.max(other.device),
            loading: self.loading.max(other.loading),
        }
    }

    fn of_variant(plan: &Plan, variant: &Variant) -> Option<Self> {
        let (train, probe) = (plan.train_samples()?, plan.file.data.probe());
        let layers = &variant.network.layers()[..plan.layers];
        let cascade = CascadeSize {
            cascade: &plan.cascade,
            extent: Extent { layers, train, probe },
            is_saved: plan.file.cascade.save,
            backend: plan.file.cascade.backend,
        };
        let sets = plan.sample_sets() * probe + training_sets(plan) * train;
        let shared = (FLOAT * sets * plan.shape.len()) as u64 + PROGRAM;
        // One set of samples has its original size until it is reduced.
        let loaded = (FLOAT * (train + probe)).saturating_mul(plan.loaded_shape.len()) as u64;
        let loading = if plan.loaded_shape == plan.shape { 0 } else { shared + loaded };
        Some(Self { shared, loading, ..cascade.memory() })
    }

    /// Memory of `plan`'s trainings, with one training per cell; `None` if the number of training samples is unknown.
    pub fn of_trainings(plan: &Plan, train: &TrainPlan) -> Option<Self> {
        let deepest = train.networks.iter().filter_map(|networks| networks.last());
        let all = deepest.map(|network| Self::of_training(plan, train, network));
        all.reduce(|one, other| Some(one?.most(other?))).flatten()
    }

    fn of_training(plan: &Plan, train: &TrainPlan, network: &NetworkSpec) -> Option<Self> {
        let held_out = plan.file.data.probe() + train.test_samples;
        let moments = train.recipes.iter().map(|recipe| {
            recipe.params.params().optimizer.moments().into_iter().filter(|&kept| kept).count()
        });
        let training = TrainingSize {
            samples: train.train_samples? + held_out,
            test: train.test_samples,
            batch: train.section.batch,
            layers: network.layers(),
            moments: moments.max().unwrap_or(0),
            backend: train.section.backend,
        };
        let memory = training.memory();
        Some(Self { shared: memory.shared + PROGRAM, ..memory })
    }

    /// Checks that one cell fits into the memory that the system has available.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with both sizes.
    pub fn check(self) -> Result<()> {
        match self.shortage(1) {
            Some([needed, available]) => Err(Error::TooLarge { needed, available }),
            None => Ok(()),
        }
    }

    /// Texts of the memory that `at_once` running cells need and of the memory that the system has available, if that is
    /// less.
    pub fn shortage(self, at_once: usize) -> Option<[String; 2]> {
        let needed = self.total(at_once);
        let available = available().filter(|&available| needed > available)?;
        Some([needed, available].map(|bytes| HumanBytes(bytes).to_string()))
    }

    /// The part in device memory.
    #[must_use]
    pub const fn on_device(self) -> Self {
        Self { shared: 0, cell: self.device, device: 0, loading: 0 }
    }

    /// Total host memory with `at_once` running cells.
    pub const fn total(self, at_once: usize) -> u64 {
        let running = self.shared.saturating_add((at_once as u64).saturating_mul(self.cell));
        if running > self.loading { running } else { self.loading }
    }

    /// Text for users: memory with `at_once` running cells.
    pub fn describe(self, at_once: usize) -> String {
        let host = HumanBytes(self.total(at_once));
        match self.device {
            0 => format!("about {host}"),
            device => {
                let device = HumanBytes(at_once as u64 * device);
                format!("about {host}, and {device} of device memory")
            }
        }
    }
}

/// Number of sets of training samples. Seeds that use all of a dataset's samples share them.
fn training_sets(plan: &Plan) -> usize {
    if plan.uses_all_training_samples() { 1 } else { plan.sample_sets() }
}

/// Available memory of the system in bytes, without swapping; `None` if the system does not report it.
pub(super) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

#[cfg(test)]
mod tests {
    use isobath_tensor::{BackendSpec, Precision};

    use super::*;
    use isobath_experiment::read_text;

    fn memory(depth: usize, width: usize) -> Memory {
        memory_on(BackendSpec::Cpu, depth, width)
    }

    fn memory_on(backend: BackendSpec, depth: usize, width: usize) -> Memory {
        let mut plan = plan(depth, width);
        plan.file.cascade.backend = backend;
        Memory::of(&plan).unwrap()
    }

    fn plan(depth: usize, width: usize) -> Plan {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 60000\nprobe = 100\n\
             [network]\ndepth = {depth}\nwidth = {width}\n[grid]\nsigma_w2 = 1.5\nsigma_b2 = 0.05\n"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap()
    }

    #[test]
    fn device_backends_keep_activations_in_device_memory() {
        let [host, device] = [BackendSpec::Cpu, BackendSpec::Cuda { ordinal: 0 }]
            .map(|backend| memory_on(backend, 20, 784));
        assert_eq!((host.device, host.shared), (0, device.shared));
        let activations = 2 * (host.shared - PROGRAM);
        assert!((activations..2 * activations).contains(&device.device), "{device:?}");
        assert!(device.cell + activations < host.cell, "{device:?} {host:?}");
    }

    #[test]
    fn convolutions_need_room_for_images_and_not_for_flattened_weights() {
        let text = "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 2000\nprobe = 10\n\
                    [network]\nkind = \"cnn\"\ndepth = 8\nchannels = 16\n[grid]\nsigma_w2 = 1.5\n\
                    [train]\ndepths = [8]\ntest = 100\nsuccess = { accuracy = 0.5 }\n";
        let plan = Plan::new(read_text(text, "test", &[]).unwrap()).unwrap();
        // Input and output of the widest stage, 16 x 28 x 28; half as many samples for fits of linear decoders, and the
        // fits, are less.
        let images = (2 * 2000 * 16 * 784 * FLOAT) as u64;
        let memory = Memory::of(&plan).unwrap();
        assert!((images..3 * images).contains(&memory.cell), "{memory:?}");
        // A dense layer between two such stages would have 16^2 784^2 weights, 630 MB.
        let training = Memory::of_trainings(&plan, plan.train.as_ref().unwrap()).unwrap();
        assert!((20 << 20..200 << 20).contains(&training.cell), "{training:?}");
    }

    #[test]
    fn lower_forward_precision_adds_a_copy_of_input_and_weights() {
        let [plain, rounded] = [Precision::F32, Precision::Tf32].map(|precision| {
            let mut plan = plan(20, 784);
            plan.file.cascade.forward_precision = precision;
            Memory::of(&Plan::new(plan.file).unwrap()).unwrap()
        });
        let copies = (60_000 * 784 + 784 * 784) * FLOAT;
        assert_eq!(rounded.cell - plain.cell, copies as u64);
    }

    #[test]
    fn depth_adds_only_probe_activations() {
        let samples = (60_100 * 784 * FLOAT) as u64;
        let [shallow, deep] = [50, 150].map(|depth| memory(depth, 784));
        assert_eq!([shallow.shared, deep.shared], [samples + PROGRAM; 2]);
        // 100 more layers of 100 probe samples. The decoders exceed their memory limit at both depths.
        assert_eq!(deep.cell - shallow.cell, (100 * 100 * 784 * FLOAT) as u64);
        // A layer's input and output dominate.
        assert!((2 * samples..4 * samples).contains(&deep.cell), "{deep:?}");
    }

    #[test]
    fn images_count_in_their_original_size_while_they_are_loaded() {
        let text = "name = \"x\"\n[data]\ndataset = \"cifar10\"\nsize = 8\nprobe = 100\n[network]\ndepth = 3\n\
                    width = 20\n[grid]\nsigma_w2 = 1.5\n";
        let memory =
            Memory::of(&Plan::new(read_text(text, "test", &[]).unwrap()).unwrap()).unwrap();
        let [small, large] = [8, 32].map(|size| (50_100 * 3 * size * size * FLOAT) as u64);
        assert_eq!([memory.shared, memory.loading], [small, small + large].map(|n| n + PROGRAM));
        assert_eq!(memory.total(1), memory.loading);
        let whole = text.replace("size = 8\n", "");
        let whole = Memory::of(&Plan::new(read_text(&whole, "test", &[]).unwrap()).unwrap());
        assert_eq!(whole.map(|memory| memory.loading), Some(0));
    }

    #[test]
    fn decoders_of_narrow_networks_stay_in_memory() {
        let [shallow, deep] = [11, 21].map(|depth| memory(depth, 64));
        let probes = 10 * 100 * 64;
        // Each layer has a decoder after half and one after all of the steps.
        assert_eq!(deep.cell - shallow.cell, ((probes + 2 * 10 * 64 * 64) * FLOAT) as u64);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn available_memory_is_read_from_the_system() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
