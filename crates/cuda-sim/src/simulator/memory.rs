use std::{
    alloc::{Layout, alloc, dealloc},
    ptr::{self, NonNull},
    sync::{Arc, Weak},
};

use isobath_tensor::cuda::device::{Argument, Memory};

use super::library::ArgumentMemory;

/// Content of uninitialised memory: NaN in f32 and in f64, rounded or not.
const POISON: [u8; 4] = 0x7ff8_dead_u32.to_le_bytes();

/// Alignment of memories.
const ALIGNMENT: usize = 256;

/// Memory of the simulated device.
#[derive(Debug)]
pub struct SimulatedMemory(Arc<Allocation>);

#[derive(Debug)]
struct Allocation {
    begin: NonNull<u8>,
    layout: Layout,
}

// SAFETY: plain memory, owned; who writes to it when is the backend's care, as with a device's.
unsafe impl Send for Allocation {}
// SAFETY: as above.
unsafe impl Sync for Allocation {}

impl Allocation {
    /// `bytes` bytes, at least one, of numbers that are none; none when there is no memory.
    fn new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()?;
        // SAFETY: the layout is not empty.
        let begin = NonNull::new(unsafe { alloc(layout) })?;
        // Twice as much at a time.
        let mut filled = POISON.len().min(layout.size());
        // SAFETY: within the memory just taken.
        unsafe { ptr::copy_nonoverlapping(POISON.as_ptr(), begin.as_ptr(), filled) };
        while filled < layout.size() {
            let count = filled.min(layout.size() - filled);
            // SAFETY: as above; the two parts follow each other.
            unsafe { ptr::copy_nonoverlapping(begin.as_ptr(), begin.as_ptr().add(filled), count) };
            filled += count;
        }
        Some(Self { begin, layout })
    }

    fn address(&self) -> u64 {
        self.begin.as_ptr() as u64
    }

    fn bytes(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: taken with this layout.
        unsafe { dealloc(self.begin.as_ptr(), self.layout) };
    }
}

impl SimulatedMemory {
    /// Makes all bytes zeros.
    pub(super) fn clear(&mut self) {
        // SAFETY: the memory is as long.
        unsafe { ptr::write_bytes(self.0.begin.as_ptr(), 0, self.0.bytes()) };
    }

    /// Copies `host` to byte `offset`.
    pub(crate) fn write(&mut self, offset: usize, host: &[u8]) {
        assert!(offset + host.len() <= self.0.bytes(), "a write beyond the memory's end");
        // SAFETY: just checked, and `host` is other memory.
        unsafe {
            ptr::copy_nonoverlapping(host.as_ptr(), self.0.begin.as_ptr().add(offset), host.len());
        }
    }

    /// Copies from byte `offset` to `host`.
    pub(crate) fn read(&self, offset: usize, host: &mut [u8]) {
        assert!(offset + host.len() <= self.0.bytes(), "a read beyond the memory's end");
        // SAFETY: just checked, and `host` is other memory.
        unsafe {
            ptr::copy_nonoverlapping(
                self.0.begin.as_ptr().add(offset),
                host.as_mut_ptr(),
                host.len(),
            );
        }
    }
}

impl Memory for SimulatedMemory {
    fn address(&self) -> u64 {
        self.0.address()
    }
}

/// All memories of a device.
#[derive(Debug, Default)]
pub(super) struct Memories(Vec<Weak<Allocation>>);

impl Memories {
    /// `bytes` bytes of numbers that are none; none when there is no memory.
    pub(super) fn allocate(&mut self, bytes: usize) -> Option<SimulatedMemory> {
        let memory = Arc::new(Allocation::new(bytes)?);
        self.0.retain(|other| other.strong_count() > 0);
        self.0.push(Arc::downgrade(&memory));
        Some(SimulatedMemory(memory))
    }

    fn containing(&self, address: u64) -> Option<Arc<Allocation>> {
        self.0.iter().filter_map(Weak::upgrade).find(|memory| {
            address
                .checked_sub(memory.address())
                .is_some_and(|offset| offset < memory.bytes() as u64)
        })
    }

    /// Bytes from `address` to the end of the memory it is in; none when it is in none.
    pub(super) fn room(&self, address: u64) -> Option<usize> {
        let memory = self.containing(address)?;
        Some(memory.bytes() - (address - memory.address()) as usize)
    }

    /// The memories among a kernel's arguments, each once.
    ///
    /// # Errors
    /// A sentence that names the argument whose address is in no memory.
    pub(super) fn of(&self, arguments: &[Argument]) -> Result<Vec<ArgumentMemory>, String> {
        let mut found: Vec<ArgumentMemory> = Vec::new();
        for (argument, given) in (1..).zip(arguments) {
            let Argument::Address(address) = given else { continue };
            let memory = self
                .containing(*address)
                .ok_or_else(|| format!("argument {argument} is the address of no memory"))?;
            let (begin, bytes) = (memory.begin.as_ptr(), memory.bytes());
            if found.iter().all(|other| other.begin != begin) {
                found.push(ArgumentMemory { begin, bytes, argument });
            }
        }
        Ok(found)
    }
}
