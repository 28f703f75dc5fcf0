//! Memory that a thread keeps from one product to the next: to get it anew from the system, page by page and zeroed, would
//! take longer than small products do.

use std::cell::RefCell;

use super::panel::Aligned;

/// Pieces of memory a thread keeps.
const MOST: usize = 4;
/// Numbers in the largest piece that is kept.
const LARGEST: usize = 16 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
}

/// Aligned memory with anything in it.
pub(crate) struct Scratch(Aligned);

impl Scratch {
    /// Memory for `len` numbers.
    pub(crate) fn of(len: usize) -> Self {
        let kept = KEPT.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
        let mut memory = kept.unwrap_or_else(|| Aligned::zeros(0));
        memory.resize(len);
        Self(memory)
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        self.0.as_slice()
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        self.0.as_mut_slice()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let memory = std::mem::replace(&mut self.0, Aligned::zeros(0));
        if memory.capacity() > LARGEST {
            return;
        }
        // A thread that is ending keeps nothing.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST {
                kept.push(memory);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_memory_is_reused_unless_large() {
        let mut first = Scratch::of(100);
        first.as_mut_slice().fill(7.0);
        let place = first.as_slice().as_ptr();
        drop(first);
        let again = Scratch::of(60);
        assert_eq!((again.as_slice().len(), again.as_slice().as_ptr()), (60, place));
        drop(Scratch::of(LARGEST + 17));
        drop(again);
        assert!(KEPT.with_borrow(|kept| kept.len() == 1));
    }
}
