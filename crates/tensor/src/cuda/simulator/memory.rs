//! Memory with guards on both sides.

use std::{
    alloc::{Layout, alloc, dealloc},
    ptr::{self, NonNull},
    sync::{Arc, Weak},
};

use crate::cuda::{device::Memory, kernel::Argument};

/// Bytes before and behind each memory that nobody may write to.
const GUARD: usize = 4096;
/// What is in them, four bytes at a time: read as `float` and as `double` it is not a number.
const POISON: [u8; 4] = 0x7ff8_dead_u32.to_le_bytes();

/// Memory of the simulated device.
#[derive(Debug)]
pub struct SimulatedMemory(Arc<Guarded>);

/// `GUARD` bytes, `bytes` bytes, at least `GUARD` bytes.
#[derive(Debug)]
struct Guarded {
    start: NonNull<u8>,
    bytes: usize,
    layout: Layout,
}

// SAFETY: plain memory, owned; who writes to it when is the backend's care, as with a device's.
unsafe impl Send for Guarded {}
// SAFETY: as above.
unsafe impl Sync for Guarded {}

impl Guarded {
    /// Zeros; none when there is no memory.
    fn new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes.checked_add(2 * GUARD)?, GUARD).ok()?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        let memory = Self { start, bytes, layout };
        // SAFETY: the memory is `bytes` long.
        unsafe { ptr::write_bytes(memory.contents(), 0, bytes) };
        memory.poison_guards();
        Some(memory)
    }

    fn contents(&self) -> *mut u8 {
        self.start.as_ptr().wrapping_add(GUARD)
    }

    /// What every byte of the guards is at, counted from the start, and should be.
    fn guards(&self) -> impl Iterator<Item = (usize, u8)> {
        let indices = (0..GUARD).chain(GUARD + self.bytes..self.layout.size());
        indices.map(|index| (index, POISON[index % 4]))
    }

    fn poison_guards(&self) {
        for (index, byte) in self.guards() {
            // SAFETY: `index` is within the memory.
            unsafe { self.start.add(index).write(byte) };
        }
    }

    /// Where the first byte written to outside of the contents is, counted from their beginning.
    fn damage(&self) -> Option<isize> {
        let damaged = |&(index, byte): &(usize, u8)| {
            // SAFETY: `index` is within the memory.
            unsafe { self.start.add(index).read() != byte }
        };
        self.guards().find(damaged).map(|(index, _)| index as isize - GUARD as isize)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: taken with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

impl SimulatedMemory {
    /// Copies `host` to byte `offset`.
    pub(super) fn write(&mut self, offset: usize, host: &[u8]) {
        assert!(offset + host.len() <= self.0.bytes, "a write beyond the memory's end");
        // SAFETY: just checked, and `host` is other memory.
        unsafe {
            ptr::copy_nonoverlapping(host.as_ptr(), self.0.contents().add(offset), host.len());
        }
    }

    /// Copies from byte `offset` to `host`.
    pub(super) fn read(&self, offset: usize, host: &mut [u8]) {
        assert!(offset + host.len() <= self.0.bytes, "a read beyond the memory's end");
        // SAFETY: just checked, and `host` is other memory.
        unsafe {
            ptr::copy_nonoverlapping(self.0.contents().add(offset), host.as_mut_ptr(), host.len());
        }
    }
}

impl Memory for SimulatedMemory {
    fn address(&self) -> u64 {
        self.0.contents() as u64
    }
}

/// All memories of a device.
#[derive(Debug, Default)]
pub(super) struct Memories(Vec<Weak<Guarded>>);

impl Memories {
    /// `bytes` zero bytes; none when there is no memory.
    pub(super) fn allocate(&mut self, bytes: usize) -> Option<SimulatedMemory> {
        let memory = Arc::new(Guarded::new(bytes)?);
        self.0.retain(|other| other.strong_count() > 0);
        self.0.push(Arc::downgrade(&memory));
        Some(SimulatedMemory(memory))
    }

    /// Bytes from `address` to the end of the memory it is in; none when it is in none.
    pub(super) fn room(&self, address: u64) -> Option<usize> {
        let offset = |memory: &Guarded| {
            let offset = address.checked_sub(memory.contents() as u64)? as usize;
            memory.bytes.checked_sub(offset)
        };
        self.0.iter().filter_map(Weak::upgrade).find_map(|memory| offset(&memory))
    }

    /// Whether nothing was written outside of the memories since they were last looked at.
    ///
    /// # Errors
    /// Which one's guard was.
    pub(super) fn check(&self, arguments: &[Argument]) -> Result<(), String> {
        for memory in self.0.iter().filter_map(Weak::upgrade) {
            if let Some(offset) = memory.damage() {
                memory.poison_guards();
                let address = Argument::Address(memory.contents() as u64);
                let name = arguments.iter().position(|argument| *argument == address).map_or_else(
                    || "a memory that is no argument".to_owned(),
                    |index| format!("argument {}", index + 1),
                );
                let bytes = memory.bytes;
                return Err(format!(
                    "it wrote to byte {offset} of {name}, which has {bytes} bytes"
                ));
            }
        }
        Ok(())
    }
}
