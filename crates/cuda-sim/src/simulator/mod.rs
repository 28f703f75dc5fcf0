//! A simulated device, which runs the kernels' sources on the processor to find their errors.
//!
//! The threads of a block are fibres that run one at a time, in an order drawn at random for each launch, up to the next
//! barrier. Blocks follow each other, at random too. Uninitialised memory holds NaN. The compiler reports every access to
//! memory. An access outside of a memory, not aligned, or in a race with another (two threads at the same place, one of
//! them writing, with no barrier between) is an error that names the place. So are barriers that not all threads reach and
//! arguments of other types than the kernel's.
//!
//! Errors name the launch's seed; a device with the same seed that is given the same work repeats it.
//!
//! It does not find errors that depend on several blocks running at once, and does not measure speed, registers or banks.

mod compiler;
mod library;
mod memory;
mod product;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use isobath_tensor::{
    Error, Result,
    cuda::{
        Cuda,
        device::{Argument, ColumnMajorProduct, Device, Kernel, Launch, Limits},
    },
    random::philox,
};

use compiler::{Compiler, LABEL};
use library::Request;
use memory::Memories;
pub use memory::SimulatedMemory;

/// Shared memory a block can have: an H100's.
const SHARED_BYTES: usize = 227 * 1024;

/// Properties of a simulated device.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Seed of the order in which threads run.
    pub seed: u64,
    /// Blocks of a launch that can have any number of them; with few, kernels have to loop.
    pub most_blocks: usize,
    /// Bytes of memory that the device reports. It gives out more.
    pub memory_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, most_blocks: Limits::MOST_BLOCKS, memory_bytes: 2 << 30 }
    }
}

/// The simulated device.
#[derive(Clone, Debug)]
pub struct Simulated(Arc<Shared>);

/// State that clones share.
#[derive(Debug)]
struct Shared {
    compiler: &'static Compiler,
    limits: Limits,
    memory_bytes: usize,
    seed: u64,
    launches: AtomicU64,
    /// Work recorded so far, while work is recorded.
    recording: Mutex<Option<Vec<Recorded>>>,
    /// Held while the device works.
    memories: Mutex<Memories>,
}

/// Something the device was given to do.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// A kernel.
    Launch(Kernel, Launch, Vec<Argument>),
    /// A product of matrices.
    Product(ColumnMajorProduct, [u64; 3]),
}

/// A backend on a simulated device with the limits of an H100, whose threads run in an order drawn from seed 0.
///
/// # Errors
/// [`Error::Unavailable`] without a C++ compiler.
pub fn simulated() -> Result<Cuda<Simulated>> {
    simulated_with_seed(0)
}

/// [`simulated`] with an order of threads drawn from `seed`.
///
/// # Errors
/// [`Error::Unavailable`] without a C++ compiler.
pub fn simulated_with_seed(seed: u64) -> Result<Cuda<Simulated>> {
    Simulated::new(Settings { seed, ..Settings::default() }).map(Cuda::with_device)
}

impl Simulated {
    /// A device as `settings` describe it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without a C++ compiler.
    pub fn new(settings: Settings) -> Result<Self> {
        let Settings { seed, most_blocks, memory_bytes } = settings;
        Ok(Self(Arc::new(Shared {
            compiler: Compiler::find()?,
            limits: Limits { multiprocessors: 132, shared_bytes: SHARED_BYTES, most_blocks },
            memory_bytes,
            seed,
            launches: AtomicU64::new(0),
            recording: Mutex::default(),
            memories: Mutex::default(),
        })))
    }

    /// The types of the parameters that the kernel `name` in `kernel`'s file has, a letter each: `p` for pointers, `i`,
    /// `u`, `f` and `d` for the numbers of [`Argument`].
    pub(crate) fn signature(&self, kernel: &Kernel, name: &str) -> Result<String> {
        let library = library::find(self.0.compiler, kernel)?;
        library.signature(name).map_err(|reason| Self::failed(format!("find `{name}`"), reason))
    }

    /// The shared library made of a C++ program without any other, which the loader knows as `name`.
    pub(crate) fn link(&self, name: &'static str, program: &str) -> Result<PathBuf> {
        self.0.compiler.link(name, program)
    }

    fn seed_of_launch(seed: u64, launch: u64) -> u64 {
        let [high, low, ..] = philox(seed, 0, launch);
        u64::from(high) << 32 | u64::from(low)
    }

    /// Waits until the device has nothing else to do.
    fn memories(&self) -> MutexGuard<'_, Memories> {
        self.0.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(action: String, reason: String) -> Error {
        Error::Device { backend: LABEL.to_owned(), action, reason }
    }

    fn recording(&self) -> MutexGuard<'_, Option<Vec<Recorded>>> {
        self.0.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what a device cannot record.
    fn not_recorded(&self, action: &str) -> Result<()> {
        match *self.recording() {
            None => Ok(()),
            Some(_) => Err(Self::failed(action.to_owned(), "this cannot be recorded".to_owned())),
        }
    }

    /// Checks the size of a launch.
    fn check(&self, launch: Launch) -> Result<(), String> {
        let Launch { grid: [columns, rows], threads, shared_bytes } = launch;
        if columns == 0 || i32::try_from(columns).is_err() || !(1..=65_535).contains(&rows) {
            return Err(format!("a grid of {columns} times {rows} blocks"));
        }
        if threads % 32 != 0 || !(32..=1024).contains(&threads) {
            return Err(format!("blocks of {threads} threads"));
        }
        if shared_bytes as usize > self.0.limits.shared_bytes {
            let limit = self.0.limits.shared_bytes;
            return Err(format!("{shared_bytes} bytes of shared memory, a block can have {limit}"));
        }
        Ok(())
    }
}

impl Device for Simulated {
    type Memory = SimulatedMemory;

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn description(&self) -> String {
        format!("{}, by {}", LABEL, self.0.compiler.version())
    }

    fn limits(&self) -> Limits {
        self.0.limits
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes
    }

    fn compiles_quickly(&self) -> bool {
        false
    }

    fn allocate(&self, bytes: usize) -> Result<SimulatedMemory> {
        self.not_recorded("allocate memory")?;
        self.memories().allocate(bytes).ok_or_else(|| {
            Self::failed(
                format!("allocate {bytes} bytes"),
                "the machine has no memory for them".to_owned(),
            )
        })
    }

    fn clear(&self, memory: &mut SimulatedMemory) -> Result<()> {
        self.not_recorded("clear memory")?;
        memory.clear();
        Ok(())
    }

    fn upload(&self, memory: &mut SimulatedMemory, offset: usize, host: &[u8]) -> Result<()> {
        self.not_recorded("copy to the device")?;
        memory.write(offset, host);
        Ok(())
    }

    fn download(&self, memory: &SimulatedMemory, offset: usize, host: &mut [u8]) -> Result<()> {
        self.not_recorded("copy from the device")?;
        memory.read(offset, host);
        Ok(())
    }

    fn copy(
        &self,
        (source, from): (&SimulatedMemory, usize),
        (target, to): (&mut SimulatedMemory, usize),
        bytes: usize,
    ) -> Result<()> {
        self.not_recorded("copy on the device")?;
        let mut host = vec![0; bytes];
        source.read(from, &mut host);
        target.write(to, &host);
        Ok(())
    }

    unsafe fn launch(&self, kernel: &Kernel, launch: Launch, arguments: &[Argument]) -> Result<()> {
        if let Some(recording) = &mut *self.recording() {
            recording.push(Recorded::Launch(kernel.clone(), launch, arguments.to_vec()));
            return Ok(());
        }
        let library = library::find(self.0.compiler, kernel)?;
        let memories = self.memories();
        let number = self.0.launches.fetch_add(1, Ordering::Relaxed);
        let seed = Self::seed_of_launch(self.0.seed, number);
        self.check(launch)
            .and_then(|()| memories.of(arguments))
            .and_then(|memories| {
                let request = Request { launch, seed, arguments, memories: &memories };
                // SAFETY: the memories live until they are dropped; what kernels do with them is checked.
                unsafe { library.run(kernel.name, &request) }
            })
            .map_err(|reason| {
                let action = format!("run `{}` of {}.cu", kernel.name, kernel.source.name);
                Self::failed(action, format!("{reason} (launch {number} of seed {})", self.0.seed))
            })
    }

    unsafe fn product(&self, product: &ColumnMajorProduct, addresses: [u64; 3]) -> Result<()> {
        if let Some(recording) = &mut *self.recording() {
            recording.push(Recorded::Product(*product, addresses));
            return Ok(());
        }
        let memories = self.memories();
        for (name, (address, bytes)) in
            ["A", "B", "C"].iter().zip(addresses.iter().zip(product::extents(product)))
        {
            let room = memories.room(*address).unwrap_or(0);
            if room < bytes {
                let reason = format!("{name} takes {bytes} bytes, its memory holds {room}");
                return Err(Self::failed("multiply matrices".to_owned(), reason));
            }
        }
        // SAFETY: the memories are as long, as was just checked; the caller's `c` is neither of the others.
        unsafe { product::multiply(product, addresses) };
        Ok(())
    }

    type Recording = Vec<Recorded>;

    fn record(&self, work: &mut dyn FnMut() -> Result<()>) -> Result<Vec<Recorded>> {
        *self.recording() = Some(Vec::new());
        let outcome = work();
        let recorded = self.recording().take();
        outcome.map(|()| recorded.unwrap_or_default())
    }

    fn repeat(&self, recording: &Vec<Recorded>) -> Result<()> {
        for recorded in recording {
            match recorded {
                Recorded::Launch(kernel, launch, arguments) => {
                    // SAFETY: whoever recorded it gave these arguments, and keeps their memories.
                    unsafe { self.launch(kernel, *launch, arguments) }?;
                }
                Recorded::Product(product, addresses) => {
                    // SAFETY: as before.
                    unsafe { self.product(product, *addresses) }?;
                }
            }
        }
        Ok(())
    }

    fn synchronize(&self) -> Result<()> {
        Ok(())
    }
}
