use crate::{
    Replay, Result,
    cuda::{backend::Cuda, device::Device, kernel::Source},
};

pub(crate) static KERNEL_FILES: &[&Source] = &[];

/// State of the work of a key.
#[derive(Debug, Default)]
pub enum CudaRecording<R> {
    /// No work was done.
    #[default]
    Nothing,
    /// The work was done once: its kernels are compiled.
    Done {
        /// Key of the work.
        key: u64,
    },
    /// The work was recorded.
    Recorded {
        /// Key of the work.
        key: u64,
        /// Recorded work.
        recording: R,
        /// Key of the last work, where it was another.
        other: Option<u64>,
    },
}

/// Records work as a graph of the driver. Work of another key in between, such as the last minibatch of an epoch, is not
/// recorded.
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
