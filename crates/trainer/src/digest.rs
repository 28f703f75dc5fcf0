use std::fmt;

use crate::{Job, Labelled};

/// Fingerprint of numbers: FNV-1a over 32-bit words, which detects mistakes, not attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(crate) fn add(&mut self, words: impl IntoIterator<Item = u32>) {
        for word in words {
            self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Fingerprints of the samples of a training.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleDigests {
    pub(crate) train: Digest,
    pub(crate) test: Digest,
}

impl SampleDigests {
    pub(crate) fn of(job: &Job<'_>) -> Self {
        Self { train: digest(&job.train), test: digest(&job.test) }
    }
}

fn digest(data: &Labelled<'_>) -> Digest {
    let mut digest = Digest::default();
    digest.add([data.samples.nrows() as u32]);
    digest.add(data.samples.iter().map(|x| x.to_bits()));
    digest.add(data.labels.iter().copied().map(u32::from));
    digest
}
