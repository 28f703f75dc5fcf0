use std::sync::{Arc, Mutex, atomic::AtomicBool};

use cudarc::driver::{
    CudaContext, CudaStream, result::DriverError, sys::CUdevice_attribute_enum as Attribute,
};

use super::{blas::Blas, pool::Pool};
use crate::cuda::{launch::Limits, libraries::Library};

/// A stream with its device's properties, its memory and its library of products.
pub(super) struct DeviceStream {
    pub(super) label: String,
    pub(super) description: String,
    /// `sm_90a`
    pub(super) architecture: String,
    pub(super) limits: Limits,
    pub(super) memory_bytes: usize,
    pub(super) context: Arc<CudaContext>,
    pub(super) stream: Arc<CudaStream>,
    pub(super) pool: Arc<Pool>,
    pub(super) blas: Mutex<Blas>,
    /// True if the stream records its work instead of executing it.
    pub(super) is_recording: AtomicBool,
}

impl DeviceStream {
    pub(super) fn open(ordinal: usize, context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        let context = Arc::clone(context);
        context.bind_to_thread()?;
        // SAFETY: buffers are used on the one stream they were made on.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream()?;
        let (major, minor) = context.compute_capability()?;
        // The instructions that only this one processor has go by a name of their own.
        let own = if (major, minor) == (9, 0) { "a" } else { "" };
        let architecture = format!("sm_{major}{minor}{own}");
        let limit = |attribute| context.attribute(attribute).map(|value| value.max(0) as usize);
        let limits = Limits {
            multiprocessors: limit(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
            shared_bytes: limit(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
            most_blocks: Limits::MOST_BLOCKS,
        };
        let memory_bytes = context.total_mem()?;
        let label = format!("cuda:{ordinal}");
        let [driver, nvrtc, cublas] =
            [Library::Driver, Library::Nvrtc, Library::Cublas].map(Library::version_name);
        let description = format!(
            "{label}, {} ({architecture}, {} multiprocessors, {} GB), driver's CUDA {driver}, NVRTC {nvrtc}, cuBLAS \
             {cublas}",
            context.name()?,
            limits.multiprocessors,
            memory_bytes / 1_000_000_000,
        );
        let pool = Pool::new(Arc::clone(&context), Arc::clone(&stream));
        let blas = Mutex::new(Blas::new(&stream, &pool));
        let is_recording = AtomicBool::new(false);
        Ok(Self {
            label,
            description,
            architecture,
            limits,
            memory_bytes,
            context,
            stream,
            pool,
            blas,
            is_recording,
        })
    }
}
