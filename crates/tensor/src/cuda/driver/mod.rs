//! A CUDA device, through CUDA's driver.

mod blas;
mod graph;
mod lease;
mod memory;
mod modules;
mod open;
mod pool;
mod stream;

use std::{
    ffi::c_void,
    fmt::{self, Debug},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use cudarc::driver::{
    result,
    sys::{
        CUfunction_attribute_enum as FunctionAttribute, CUgraphInstantiate_flags as GraphFlags,
        CUstreamCaptureMode as CaptureMode,
    },
};

use super::{
    argument::Argument,
    device::Device,
    kernel::Kernel,
    launch::{Launch, Limits},
    product::ColumnMajorProduct,
};
use crate::{Error, Result};

use graph::Graph;
use lease::Lease;
use memory::DriverMemory;

/// A stream of a CUDA device with what runs on it.
#[derive(Clone)]
pub struct Driver(Arc<Lease>);

impl Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.description)
    }
}

impl Driver {
    /// The device numbered `ordinal`, with a stream of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] that says which library, driver or device is missing, where it was looked for and what to
    /// do.
    pub fn open(ordinal: usize) -> Result<Self> {
        open::stream(ordinal).map(|lease| Self(Arc::new(lease)))
    }

    /// Instruction set of the device, as its compiler names it.
    pub fn architecture(&self) -> &str {
        &self.0.architecture
    }

    /// An error of this device that says which action failed.
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
        // More than 48 KiB need this attribute, and the kernel's own shared memory counts too.
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
