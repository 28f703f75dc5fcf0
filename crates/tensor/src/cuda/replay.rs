use super::{Cuda, device::Device};
use crate::{Replay, Result};

/// The work of a key, and where it stands.
#[derive(Debug, Default)]
pub enum CudaRecording<R> {
    /// Nothing was done yet.
    #[default]
    Nothing,
    /// It was done once: its kernels are there.
    Done {
        /// Which work.
        key: u64,
    },
    /// It was recorded.
    Recorded {
        /// Which work.
        key: u64,
        /// What to repeat.
        recording: R,
        /// The last work, where it was another.
        other: Option<u64>,
    },
}

/// As a graph of the driver. Work of another key in between, such as the last minibatch of an epoch, is just done.
impl<D: Device> Replay for Cuda<D> {
    type Recording = CudaRecording<D::Recording>;

    fn replay(
        &self,
        recording: &mut CudaRecording<D::Recording>,
        key: u64,
        work: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        match recording {
            CudaRecording::Recorded { key: known, recording, other } if *known == key => {
                *other = None;
                return self.device.repeat(recording);
            }
            CudaRecording::Recorded { other, .. } if *other != Some(key) => {
                work()?;
                *other = Some(key);
                return Ok(());
            }
            CudaRecording::Done { key: known } if *known == key => {}
            CudaRecording::Done { .. } | CudaRecording::Nothing => {
                work()?;
                *recording = CudaRecording::Done { key };
                return Ok(());
            }
            CudaRecording::Recorded { .. } => {}
        }
        let recorded = self.device.record(work)?;
        self.device.repeat(&recorded)?;
        *recording = CudaRecording::Recorded { key, recording: recorded, other: None };
        Ok(())
    }
}
