//! The machine behind CUDA's interfaces: streams whose work is put off as long as it may be.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, VecDeque},
    ptr, slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use cudarc::driver::sys::CUresult;
use isobath_tensor::{
    cuda::device::{Argument, ColumnMajorProduct, Device, Kernel, Launch, Memory},
    random::philox,
};

use crate::simulator::{Simulated, SimulatedMemory};

/// Result of a call.
pub(super) type Outcome<T = ()> = Result<T, CUresult>;

/// A device with one context, and everything that was made there.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) device: Simulated,
    /// Bytes of memory it has.
    pub(super) bytes: usize,
    /// Memories by address, with their bytes.
    memories: BTreeMap<u64, (SimulatedMemory, usize)>,
    streams: BTreeMap<usize, Stream>,
    pub(super) functions: HashMap<usize, Function>,
    /// Recorded work, as graphs and ready to be started.
    pub(super) graphs: HashMap<usize, Arc<Vec<Work>>>,
    pub(super) modules: HashMap<usize, Kernel>,
    pub(super) programs: HashMap<usize, super::nvrtc::Program>,
    pub(super) handles: HashMap<usize, super::cublas::Handle>,
    /// The last number given to anything.
    last: usize,
    /// Numbers drawn.
    draws: u64,
    /// Error of work that nobody waited for; every call fails from then on.
    failure: Option<CUresult>,
}

/// Work that is done in order, unless it is recorded.
#[derive(Debug, Default)]
struct Stream {
    queue: VecDeque<Work>,
    recording: Option<Recording>,
}

#[derive(Debug)]
struct Recording {
    thread: ThreadId,
    work: Vec<Work>,
    is_valid: bool,
}

/// A kernel of a module.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) kernel: Kernel,
    /// The types of its parameters, as the simulator has them.
    pub(super) signature: String,
    /// Bytes of dynamic shared memory it was allowed.
    pub(super) most_shared_bytes: u32,
}

/// Something for a stream to do. Pointers are to the host's memory.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Launch(Kernel, Launch, Vec<Argument>),
    Product(ColumnMajorProduct, [u64; 3]),
    Fill { address: u64, bytes: usize, value: u8 },
    Upload { address: u64, host: HostPointer<*const u8>, bytes: usize },
    Download { host: HostPointer<*mut u8>, address: u64, bytes: usize },
    Copy { target: u64, source: u64, bytes: usize },
    Graph(Arc<Vec<Work>>),
}

/// Memory of the host, which the host keeps until the work is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostPointer<P>(pub(super) P);

// SAFETY: whoever gave it promised that nobody else uses the memory meanwhile.
unsafe impl<P> Send for HostPointer<P> {}
// SAFETY: as before.
unsafe impl<P> Sync for HostPointer<P> {}

/// The one context there is.
pub(super) const CONTEXT: usize = 0xC0;

thread_local! {
    /// The context that is this thread's.
    pub(super) static CURRENT: Cell<usize> = const { Cell::new(0) };
}

static MACHINE: Mutex<Option<Machine>> = Mutex::new(None);

pub(super) fn lock() -> MutexGuard<'static, Option<Machine>> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that needs no context.
pub(super) fn call(work: impl FnOnce(&mut Machine) -> Outcome) -> CUresult {
    let mut machine = lock();
    let Some(machine) = &mut *machine else { return CUresult::CUDA_ERROR_NOT_INITIALIZED };
    work(machine).err().unwrap_or(CUresult::CUDA_SUCCESS)
}

/// A call that needs the context to be this thread's, and whatever was done before to have gone well.
pub(super) fn call_in_context(work: impl FnOnce(&mut Machine) -> Outcome) -> CUresult {
    call(|machine| {
        if CURRENT.get() != CONTEXT {
            return Err(CUresult::CUDA_ERROR_INVALID_CONTEXT);
        }
        machine.failure.map_or(Ok(()), Err)?;
        work(machine)
    })
}

impl Machine {
    pub(super) fn new(device: Simulated, bytes: usize) -> Self {
        Self {
            device,
            bytes,
            memories: BTreeMap::new(),
            streams: BTreeMap::new(),
            functions: HashMap::new(),
            graphs: HashMap::new(),
            modules: HashMap::new(),
            programs: HashMap::new(),
            handles: HashMap::new(),
            last: 0x1000,
            draws: 0,
            failure: None,
        }
    }

    /// A number for something new.
    pub(super) fn next(&mut self) -> usize {
        self.last += 0x10;
        self.last
    }

    /// Bytes that are in use.
    pub(super) fn used(&self) -> usize {
        self.memories.values().map(|(_, bytes)| bytes).sum()
    }

    /// Memory that holds anything: numbers that are none.
    pub(super) fn allocate(&mut self, bytes: usize) -> Outcome<u64> {
        self.refuse_while_recording()?;
        if bytes == 0 {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        if self.used() + bytes > self.bytes {
            return Err(CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        }
        let allocated = self.device.allocate(bytes);
        let memory = allocated.map_err(|_| CUresult::CUDA_ERROR_OUT_OF_MEMORY)?;
        let address = memory.address();
        self.memories.insert(address, (memory, bytes));
        Ok(address)
    }

    /// Whoever frees memory has waited for all that uses it; what has not been done yet is not waited for. Whatever is
    /// recorded just now, by whomever, is void: an actual driver may wait for all streams.
    pub(super) fn free(&mut self, address: u64) -> Outcome {
        self.refuse_while_recording()?;
        let recordings = self.streams.values_mut().filter_map(|stream| stream.recording.as_mut());
        recordings.for_each(|recording| recording.is_valid = false);
        self.memories.remove(&address).map(drop).ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)
    }

    /// True if `bytes` bytes from `address` on are memory.
    pub(super) fn is_memory(&self, address: u64, bytes: usize) -> bool {
        self.memories.range(..=address).next_back().is_some_and(|(begin, (_, size))| {
            usize::try_from(address - begin).is_ok_and(|offset| offset + bytes <= *size)
        })
    }

    fn memory(&mut self, address: u64, bytes: usize) -> Outcome<(&mut SimulatedMemory, usize)> {
        if !self.is_memory(address, bytes) {
            return Err(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
        }
        let found = self.memories.range_mut(..=address).next_back();
        let (begin, (memory, _)) = found.ok_or(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS)?;
        Ok((memory, (address - begin) as usize))
    }

    pub(super) fn new_stream(&mut self) -> usize {
        let stream = self.next();
        self.streams.insert(stream, Stream::default());
        stream
    }

    pub(super) fn destroy_stream(&mut self, stream: usize) -> Outcome {
        self.finish(stream)?;
        self.streams.remove(&stream).map(drop).ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)
    }

    fn stream(&mut self, stream: usize) -> Outcome<&mut Stream> {
        self.streams.get_mut(&stream).ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)
    }

    /// Gives a stream something to do, or to record; now and then something of any stream is done.
    pub(super) fn give(&mut self, stream: usize, work: Work) -> Outcome {
        let is_of_host = matches!(work, Work::Upload { .. } | Work::Download { .. });
        let stream = self.stream(stream)?;
        if let Some(recording) = &mut stream.recording {
            // Whatever the host has there when it is repeated.
            if is_of_host {
                recording.is_valid = false;
                return Err(CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
            }
            recording.work.push(work);
            return Ok(());
        }
        stream.queue.push_back(work);
        if self.draw(2) == 0 { self.work_somewhere() } else { Ok(()) }
    }

    /// Refuses a call on a thread that records, whose recording becomes void.
    pub(super) fn refuse_while_recording(&mut self) -> Outcome {
        let thread = thread::current().id();
        let recordings = self.streams.values_mut().filter_map(|stream| stream.recording.as_mut());
        let mut own: Vec<_> = recordings.filter(|recording| recording.thread == thread).collect();
        own.iter_mut().for_each(|recording| recording.is_valid = false);
        if own.is_empty() { Ok(()) } else { Err(CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) }
    }

    pub(super) fn begin_recording(&mut self, stream: usize) -> Outcome {
        let stream = self.stream(stream)?;
        if stream.recording.is_some() {
            return Err(CUresult::CUDA_ERROR_ILLEGAL_STATE);
        }
        let thread = thread::current().id();
        stream.recording = Some(Recording { thread, work: Vec::new(), is_valid: true });
        Ok(())
    }

    /// The graph of what was recorded.
    pub(super) fn end_recording(&mut self, stream: usize) -> Outcome<usize> {
        let recording = &mut self.stream(stream)?.recording;
        let thread = thread::current().id();
        if recording.as_ref().is_some_and(|recording| recording.thread != thread) {
            return Err(CUresult::CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        }
        let recording = recording.take().ok_or(CUresult::CUDA_ERROR_ILLEGAL_STATE)?;
        if !recording.is_valid {
            return Err(CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        }
        let graph = self.next();
        self.graphs.insert(graph, Arc::new(recording.work));
        Ok(graph)
    }

    /// Does all a stream was given, and some of the others' on the way.
    pub(super) fn finish(&mut self, stream: usize) -> Outcome {
        let own = self.stream(stream)?;
        if let Some(recording) = &mut own.recording {
            recording.is_valid = false;
            return Err(CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        }
        while !self.stream(stream)?.queue.is_empty() {
            self.work_somewhere()?;
        }
        Ok(())
    }

    /// The next piece of work of one of the streams that have some.
    fn work_somewhere(&mut self) -> Outcome {
        let busy: Vec<usize> = self
            .streams
            .iter()
            .filter(|(_, stream)| !stream.queue.is_empty())
            .map(|(&number, _)| number)
            .collect();
        let Some(&stream) = busy.get(self.draw(busy.len().max(1))) else { return Ok(()) };
        let Some(work) = self.stream(stream)?.queue.pop_front() else { return Ok(()) };
        self.run(&work).inspect_err(|&error| self.failure = Some(error))
    }

    fn run(&mut self, work: &Work) -> Outcome {
        match work {
            Work::Launch(kernel, launch, arguments) => {
                // SAFETY: the simulator checks what kernels do with memory that is there, which it looks for.
                unsafe { self.device.launch(kernel, *launch, arguments) }.map_err(reported)
            }
            Work::Product(product, addresses) => {
                // SAFETY: as before.
                unsafe { self.device.product(product, *addresses) }.map_err(reported)
            }
            &Work::Fill { address, bytes, value } => {
                let (memory, offset) = self.memory(address, bytes)?;
                memory.write(offset, &vec![value; bytes]);
                Ok(())
            }
            &Work::Upload { address, host: HostPointer(host), bytes } => {
                let (memory, offset) = self.memory(address, bytes)?;
                // SAFETY: the host promised to keep it until this is done.
                memory.write(offset, unsafe { slice::from_raw_parts(host, bytes) });
                Ok(())
            }
            &Work::Download { host: HostPointer(host), address, bytes } => {
                let (memory, offset) = self.memory(address, bytes)?;
                let mut read = vec![0; bytes];
                memory.read(offset, &mut read);
                // SAFETY: as before.
                unsafe { ptr::copy_nonoverlapping(read.as_ptr(), host, bytes) };
                Ok(())
            }
            &Work::Copy { target, source, bytes } => {
                let mut copied = vec![0; bytes];
                let (memory, offset) = self.memory(source, bytes)?;
                memory.read(offset, &mut copied);
                let (memory, offset) = self.memory(target, bytes)?;
                memory.write(offset, &copied);
                Ok(())
            }
            Work::Graph(graph) => graph.iter().try_for_each(|work| self.run(work)),
        }
    }

    /// A number below `n`.
    fn draw(&mut self, n: usize) -> usize {
        self.draws += 1;
        philox(0, 0, self.draws)[0] as usize % n
    }
}

/// The driver has no words for what the simulator found.
#[expect(clippy::print_stderr, reason = "for whoever reads the test's output")]
fn reported(error: isobath_tensor::Error) -> CUresult {
    eprintln!("{error}");
    CUresult::CUDA_ERROR_LAUNCH_FAILED
}
