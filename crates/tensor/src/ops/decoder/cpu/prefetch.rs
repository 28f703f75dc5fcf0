#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use crate::cpu::tile::prefetch;

/// Prefetches the next minibatch during work on this one, a few cache lines at a time: all of `h`, and the block's
/// columns of the targets.
pub(super) struct Ahead<'a> {
    h: &'a [f32],
    target: &'a [f32],
    target_stride: usize,
    target_width: usize,
    lines: usize,
}

impl<'a> Ahead<'a> {
    /// Over `h`, and over the first `width` columns of `target`, whose rows are `stride` apart, in about `calls` calls of
    /// [`fetch`](Self::fetch).
    pub(super) fn new(
        h: &'a [f32],
        target: &'a [f32],
        [stride, width]: [usize; 2],
        calls: usize,
    ) -> Self {
        let lines = h.len().div_ceil(LINE).div_ceil(calls.max(1));
        Self { h, target, target_stride: stride, target_width: width, lines }
    }

    #[inline(always)]
    pub(super) fn fetch(&mut self) {
        for _ in 0..self.lines {
            prefetch(self.h.as_ptr());
            self.h = self.h.get(LINE..).unwrap_or_default();
        }
        if !self.target.is_empty() {
            for column in (0..self.target_width + LINE).step_by(LINE) {
                prefetch(self.target.as_ptr().wrapping_add(column));
            }
            self.target = self.target.get(self.target_stride..).unwrap_or_default();
        }
    }
}

/// Numbers in a cache line.
const LINE: usize = 16;
