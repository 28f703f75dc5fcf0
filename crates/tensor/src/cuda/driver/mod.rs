//! The device itself, through CUDA's driver.

mod blas;
mod lease;
mod modules;
mod pool;

use std::{
    env,
    ffi::c_void,
    fmt::{self, Debug},
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use cudarc::driver::{
    CudaContext, CudaGraph, CudaStream,
    result::{self, DriverError},
    sys::{
        CUdevice_attribute_enum as Attribute, CUfunction_attribute_enum as FunctionAttribute,
        CUgraphInstantiate_flags as GraphFlags, CUstreamCaptureMode as CaptureMode,
    },
};

use super::{
    Cuda,
    device::{Device, Limits, Memory},
    kernel::{Argument, Kernel, Launch},
    libraries::Library,
    nvrtc,
    product::ColumnMajorProduct,
};
use crate::{Error, Result};

use blas::Blas;
use lease::Lease;
use pool::Pool;

/// A stream of a CUDA device with what runs on it.
#[derive(Clone)]
pub struct Driver(Arc<Lease>);

/// What clones share.
struct Shared {
    label: String,
    description: String,
    /// `sm_90a`
    architecture: String,
    limits: Limits,
    memory_bytes: usize,
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    pool: Arc<Pool>,
    blas: Mutex<Blas>,
    /// Whether work is recorded just now.
    is_recording: AtomicBool,
}

impl Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.description)
    }
}

/// Memory of the device; goes back to its stream's pool when dropped.
#[derive(Debug)]
pub struct DriverMemory {
    address: u64,
    bytes: usize,
    pool: Arc<Pool>,
}

/// What a stream was given to do, recorded.
pub struct Graph(CudaGraph);

// SAFETY: a graph may be used by any thread, one at a time; it is not `Sync`.
unsafe impl Send for Graph {}

impl Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}

impl Memory for DriverMemory {
    fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for DriverMemory {
    fn drop(&mut self) {
        self.pool.put_back(self.address, self.bytes);
    }
}

impl Cuda<Driver> {
    /// The device numbered `ordinal` with a stream of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] that says which library, driver or device is missing, where it was looked for and what to
    /// do.
    pub fn open(ordinal: usize) -> Result<Self> {
        let backend = format!("cuda:{ordinal}");
        let unavailable = |reason: String| Error::Unavailable { backend: backend.clone(), reason };
        for library in [Library::Driver, Library::Nvrtc, Library::Cublas] {
            library.find().map_err(unavailable)?;
        }
        check_override(env::var(OVERRIDE_VARIABLE).ok().as_deref()).map_err(unavailable)?;
        let said = |error: DriverError| unavailable(format!("the driver says: {error}"));
        result::init().map_err(said)?;
        let count = CudaContext::device_count().map_err(said)?;
        if ordinal >= count.max(0) as usize {
            let devices = match count {
                0 => "this machine has no CUDA device".to_owned(),
                1 => "this machine has one CUDA device, cuda:0".to_owned(),
                _ => format!("this machine has {count} CUDA devices, cuda:0 to cuda:{}", count - 1),
            };
            return Err(unavailable(devices));
        }
        let lease = Lease::new(ordinal).map_err(said)?;
        nvrtc::check_architecture(&lease.architecture)
            .map_err(|error| unavailable(error.to_string()))?;
        Ok(Self { device: Driver(Arc::new(lease)) })
    }

    /// Instruction set of the device, as its compiler names it.
    pub fn architecture(&self) -> &str {
        &self.device.0.architecture
    }
}

/// Tells cuBLAS which precision to use, whatever it is asked for.
const OVERRIDE_VARIABLE: &str = "NVIDIA_TF32_OVERRIDE";

/// Refuses a value that would round the factors of products in f32.
fn check_override(value: Option<&str>) -> Result<(), String> {
    if value.is_none_or(|value| value.trim() == "0") {
        return Ok(());
    }
    Err(format!(
        "{OVERRIDE_VARIABLE} is set, with which cuBLAS rounds factors in f32 as in tf32; unset it, and set precisions in \
         the experiment file"
    ))
}

impl Shared {
    fn open(ordinal: usize, context: &Arc<CudaContext>) -> Result<Self, DriverError> {
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
        let pool = Arc::new(Pool::new(Arc::clone(&context), Arc::clone(&stream)));
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

impl Driver {
    /// An error of this device in words.
    fn failed<E: Debug>(&self, action: &str) -> impl FnOnce(E) -> Error {
        let backend = self.0.label.clone();
        let action = action.to_owned();
        move |error| Error::Device { backend, action, reason: format!("{error:?}") }
    }

    /// Makes the device this thread's.
    fn bind(&self) -> Result<()> {
        self.0.context.bind_to_thread().map_err(self.failed("become this thread's device"))
    }
}

impl Device for Driver {
    type Memory = DriverMemory;

    fn label(&self) -> String {
        self.0.label.clone()
    }

    fn description(&self) -> String {
        self.0.description.clone()
    }

    fn limits(&self) -> Limits {
        self.0.limits
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes
    }

    fn compiles_quickly(&self) -> bool {
        true
    }

    fn allocate(&self, bytes: usize) -> Result<DriverMemory> {
        // The recording would go on using memory that others are given when it is dropped.
        if self.0.is_recording.load(Ordering::Relaxed) {
            return Err(self.failed("provide memory")("this cannot be recorded"));
        }
        self.bind()?;
        let (address, bytes) = self.0.pool.take(bytes, &self.0.label)?;
        Ok(DriverMemory { address, bytes, pool: Arc::clone(&self.0.pool) })
    }

    fn clear(&self, memory: &mut DriverMemory) -> Result<()> {
        self.bind()?;
        let DriverMemory { address, bytes, .. } = *memory;
        // SAFETY: the memory is as long, and only this stream uses it.
        unsafe { result::memset_d8_async(address, 0, bytes, self.0.stream.cu_stream()) }
            .map_err(self.failed("clear memory"))
    }

    fn upload(&self, memory: &mut DriverMemory, offset: usize, host: &[u8]) -> Result<()> {
        if host.is_empty() {
            return Ok(());
        }
        self.bind()?;
        let target = memory.address + offset as u64;
        // SAFETY: the memory is as long, and `host` lives until the copy is done, which is waited for.
        unsafe { result::memcpy_htod_async(target, host, self.0.stream.cu_stream()) }
            .map_err(self.failed("copy to the device"))?;
        self.synchronize()
    }

    fn download(&self, memory: &DriverMemory, offset: usize, host: &mut [u8]) -> Result<()> {
        if host.is_empty() {
            return Ok(());
        }
        self.bind()?;
        let source = memory.address + offset as u64;
        // SAFETY: the memory is as long, and `host` lives until the copy is done, which is waited for.
        unsafe { result::memcpy_dtoh_async(host, source, self.0.stream.cu_stream()) }
            .map_err(self.failed("copy from the device"))?;
        self.synchronize()
    }

    fn copy(
        &self,
        (source, from): (&DriverMemory, usize),
        (target, to): (&mut DriverMemory, usize),
        bytes: usize,
    ) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        let (source, target) = (source.address + from as u64, target.address + to as u64);
        // SAFETY: both memories are as long.
        unsafe { result::memcpy_dtod_async(target, source, bytes, self.0.stream.cu_stream()) }
            .map_err(self.failed("copy on the device"))
    }

    unsafe fn launch(&self, kernel: &Kernel, launch: Launch, arguments: &[Argument]) -> Result<()> {
        self.bind()?;
        let function = modules::function(&self.0.label, kernel, &self.0.architecture)?;
        let action = format!("start `{}`", kernel.name);
        // More than 48 KiB must be asked for, and what the kernel itself declares counts too.
        if launch.shared_bytes > 0 {
            // SAFETY: the function is of a module that is never unloaded.
            unsafe {
                result::function::set_function_attribute(
                    function.0,
                    FunctionAttribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                    launch.shared_bytes as i32,
                )
            }
            .map_err(self.failed(&action))?;
        }
        let mut pointers: Vec<*mut c_void> = arguments.iter().map(Argument::pointer).collect();
        let [columns, rows] = launch.grid;
        // SAFETY: the caller's arguments are the kernel's; the driver copies them before it returns.
        unsafe {
            result::launch_kernel(
                function.0,
                (columns, rows, 1),
                (launch.threads, 1, 1),
                launch.shared_bytes,
                self.0.stream.cu_stream(),
                &mut pointers,
            )
        }
        .map_err(self.failed(&action))
    }

    unsafe fn product(&self, product: &ColumnMajorProduct, addresses: [u64; 3]) -> Result<()> {
        self.bind()?;
        let mut blas = self.0.blas.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.is_recording.load(Ordering::Relaxed) && !blas.is_open() {
            return Err(self.failed("open cuBLAS")("this cannot be recorded"));
        }
        blas.open(&self.0.label)?;
        // SAFETY: as the caller's.
        unsafe { blas.product(product, addresses) }.map_err(self.failed("multiply matrices"))
    }

    type Recording = Graph;

    fn record(&self, work: &mut dyn FnMut() -> Result<()>) -> Result<Graph> {
        self.bind()?;
        let stream = &self.0.stream;
        let _recording = pool::record();
        stream
            .begin_capture(CaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .map_err(self.failed("begin to record"))?;
        self.0.is_recording.store(true, Ordering::Relaxed);
        let outcome = panic::catch_unwind(AssertUnwindSafe(work));
        self.0.is_recording.store(false, Ordering::Relaxed);
        // The recording is to be ended whatever came of it.
        let graph = stream.end_capture(GraphFlags(0));
        outcome.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        let graph = graph.map_err(self.failed("record"))?;
        graph.map(Graph).ok_or_else(|| self.failed("record")("there was nothing to record"))
    }

    fn repeat(&self, recording: &Graph) -> Result<()> {
        self.bind()?;
        recording.0.launch().map_err(self.failed("repeat what was recorded"))
    }

    fn synchronize(&self) -> Result<()> {
        self.bind()?;
        self.0.stream.synchronize().map_err(self.failed("finish its work"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_stays_f32() {
        assert!([None, Some("0")].into_iter().all(|value| check_override(value).is_ok()));
        let error = check_override(Some("1")).unwrap_err();
        assert!(error.contains(OVERRIDE_VARIABLE) && error.contains("unset"), "{error}");
    }
}
