//! How much memory a plan needs, and how much there is.

use cascade::Decoders;

use crate::experiment::Plan;

/// What a run has in memory at most, in bytes: what is large, that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What all cells share: the samples.
    pub shared: u64,
    /// What each cell under way has beside that.
    pub cell: u64,
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
        // Probe activations of all layers wait for the chain, decoders too, as far as they stay in memory.
        let probes = probe * widths[1..].iter().sum::<usize>();
        let decoders = weights().sum::<usize>().min(Decoders::DEFAULT_LIMIT / FLOAT);
        // A layer's input and output, its weights, and its decoder with moments, in two layouts each.
        let training = 2 * (plan.cascade.samples(train) + probe) * widest + 8 * most_weights;
        // Then the chain's two batches, and its end as reconstructions.
        let chain = layers * probe * (2 * widest + inputs) + 3 * most_weights;
        Some(Self {
            shared: (FLOAT * (train + probe) * inputs) as u64,
            cell: (FLOAT * (probes + decoders + training.max(chain))) as u64,
        })
    }

    /// With so many cells under way.
    pub const fn total(self, at_once: usize) -> u64 {
        self.shared + at_once as u64 * self.cell
    }
}

/// Bytes of a number.
const FLOAT: usize = size_of::<f32>();

/// Bytes of memory that processes can still have without pushing others out, where the system says.
pub(super) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}
