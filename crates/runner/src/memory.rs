//! How much memory a plan needs, and how much there is.

use indicatif::HumanBytes;
use isobath_tensor::{BackendSpec, HOST_SPARE_BYTES};

use isobath_experiment::{Plan, TrainPlan};

/// What a run has in memory at most, in bytes: what is large, that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What all cells share: the samples.
    pub shared: u64,
    /// What each cell under way has beside that.
    pub cell: u64,
    /// What each cell under way has in the memory of a device; 0 where it runs on none.
    pub device: u64,
}

impl Memory {
    /// What `plan` needs, `None` if the number of its training samples is not known.
    pub fn of(plan: &Plan) -> Option<Self> {
        let (train, probe, layers) = (plan.train_samples()?, plan.file.data.probe, plan.layers);
        let inputs = plan.shape.len();
        let widths = &plan.network.widths()[..=layers];
        let widest = widths.iter().copied().max().unwrap_or(1);
        let weights = || widths.windows(2).map(|pair| pair[0] * pair[1]);
        let most_weights = weights().max().unwrap_or(0);
        // Probe activations of all layers wait for the chain, decoders too, as far as they stay in memory: on a device
        // that is more than most cascades have.
        let probes = probe * widths[1..].iter().sum::<usize>();
        let decoders = weights().sum::<usize>();
        // A layer's input and output, its weights, and its decoder with moments, in two layouts each.
        let samples = plan.cascade.samples(train);
        let training = 2 * (samples + probe) * widest + 8 * most_weights;
        // Its input and weights as factors of a lower precision.
        let is_rounded = !plan.file.cascade.forward_precision.is_f32();
        let rounded = if is_rounded { samples * widest + most_weights } else { 0 };
        // Then the chain's two batches, and its end as reconstructions.
        let chain = layers * probe * (2 * widest + inputs) + 3 * most_weights;
        let work = probes + (training + rounded).max(chain);
        // From a device the chain's end comes back, and decoders that are to be saved.
        let [host, device] = match plan.file.cascade.backend {
            BackendSpec::Cuda { .. } => {
                let saved = if plan.file.cascade.save { decoders } else { 0 };
                [saved + layers * probe * inputs, work + decoders]
            }
            _ => [work + decoders.min(HOST_SPARE_BYTES / FLOAT), 0],
        };
        Some(Self {
            shared: (FLOAT * (train + probe) * inputs) as u64,
            cell: (FLOAT * host) as u64 + RETAINED,
            device: (FLOAT * device) as u64,
        })
    }

    /// What the trainings of `plan` need, each in the place of a cell; `None` as above.
    pub fn of_trainings(plan: &Plan, train: &TrainPlan) -> Option<Self> {
        let held_out = plan.file.data.probe + train.test_samples;
        let samples = (train.train_samples? + held_out) * plan.shape.len();
        let network = train.networks.last()?;
        let widths = network.widths();
        let widest = widths.iter().copied().max().unwrap_or(1);
        let moments = train.recipes.iter().map(|recipe| {
            recipe.params.params().optimizer.moments().into_iter().filter(|&kept| kept).count()
        });
        // Weights with their moments, as trained and as given back.
        let weights = network.parameters() * (2 + moments.max().unwrap_or(0));
        // Before and after each activation, and the way back.
        let batch = train.section.batch * 2 * (widths.iter().sum::<usize>() + widest);
        // Test samples go through the network in pieces of no more than this.
        let testing = 2 * train.test_samples.min(1024) * widest;
        // A backend has samples of its own.
        let work = samples + weights + batch + testing;
        // A device gives the weights back.
        let [host, device] = match train.section.backend {
            BackendSpec::Cuda { .. } => [network.parameters(), work],
            _ => [work, 0],
        };
        Some(Self {
            shared: (FLOAT * samples) as u64,
            cell: (FLOAT * host) as u64 + RETAINED,
            device: (FLOAT * device) as u64,
        })
    }

    /// What is in a device's memory.
    #[must_use]
    pub const fn on_device(self) -> Self {
        Self { shared: 0, cell: self.device, device: 0 }
    }

    /// With so many cells under way.
    pub const fn total(self, at_once: usize) -> u64 {
        self.shared + at_once as u64 * self.cell
    }

    /// In words, with so many pieces of work under way.
    pub fn describe(self, at_once: usize) -> String {
        let host = HumanBytes(self.total(at_once));
        match self.device {
            0 => format!("about {host}"),
            device => {
                let device = HumanBytes(at_once as u64 * device);
                format!("about {host}, and {device} of the device's")
            }
        }
    }
}

/// What the C library keeps for later of the memory a cell has freed: larger blocks go back to the system at once.
const RETAINED: u64 = 32 << 20;

/// Bytes of a number.
const FLOAT: usize = size_of::<f32>();

/// Bytes of memory that processes can still have without pushing others out, where the system says.
pub(super) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

#[cfg(test)]
mod tests {
    use isobath_tensor::Precision;

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
    fn activations_are_in_the_devices_memory_where_there_is_one() {
        let [host, device] = [BackendSpec::Cpu, BackendSpec::Cuda { ordinal: 0 }]
            .map(|backend| memory_on(backend, 20, 784));
        assert_eq!((host.device, host.shared), (0, device.shared));
        let activations = 2 * host.shared;
        assert!((activations..2 * activations).contains(&device.device), "{device:?}");
        assert!(device.cell + activations < host.cell, "{device:?} {host:?}");
    }

    #[test]
    fn rounded_factors_are_another_copy_of_a_layers_input() {
        let [plain, rounded] = [Precision::F32, Precision::Tf32].map(|precision| {
            let mut plan = plan(20, 784);
            plan.file.cascade.forward_precision = precision;
            Memory::of(&plan).unwrap()
        });
        let copies = (60_000 * 784 + 784 * 784) * FLOAT;
        assert_eq!(rounded.cell - plain.cell, copies as u64);
    }

    #[test]
    fn memory_hardly_grows_with_depth() {
        let samples = (60_100 * 784 * FLOAT) as u64;
        let [shallow, deep] = [100, 400].map(|depth| memory(depth, 784));
        assert_eq!((shallow.shared, deep.shared), (samples, samples));
        // Three hundred more layers of 100 probe samples; the decoders are beyond their limit at both depths.
        assert_eq!(deep.cell - shallow.cell, (300 * 100 * 784 * FLOAT) as u64);
        // A layer's input and output are the larger part.
        assert!((2 * samples..4 * samples).contains(&deep.cell), "{deep:?}");
    }

    #[test]
    fn decoders_of_narrow_networks_stay_in_memory() {
        let [shallow, deep] = [11, 21].map(|depth| memory(depth, 64));
        let probes = 10 * 100 * 64;
        assert_eq!(deep.cell - shallow.cell, ((probes + 10 * 64 * 64) * FLOAT) as u64);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_what_is_left() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
