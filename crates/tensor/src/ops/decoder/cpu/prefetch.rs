#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use crate::cpu::tile::{LINE, Lines};

/// Numbers in a core's second-level cache. What is fetched beyond that drives out what is in use.
pub(super) const CACHE: usize = (2 << 20) / size_of::<f32>();

/// The next minibatch, to be prefetched during work on this one: all of `h`, and the block's columns of the targets. One
/// number per step of a tile, so that the loads that work waits for find the memory free.
pub(super) struct Ahead<'a> {
    h: &'a [f32],
    target: &'a [f32],
    target_stride: usize,
    target_lines: usize,
    /// Tiles that are left.
    tiles: usize,
    /// Steps of a tile.
    steps: usize,
    /// Numbers from step to step in `h`.
    stride: usize,
}

impl<'a> Ahead<'a> {
    /// Over `tiles` tiles of `steps` steps.
    pub(super) fn new(
        h: &'a [f32],
        target: &'a [f32],
        [target_stride, width]: [usize; 2],
        [tiles, steps]: [usize; 2],
    ) -> Self {
        let target_lines = width.div_ceil(LINE) + 1;
        let stride =
            h.len().div_ceil(tiles.saturating_sub(target_lines).max(1) * steps.max(1)).min(LINE);
        Self { h, target, target_stride, target_lines, tiles, steps, stride }
    }

    /// Lines to prefetch during the next tile.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Lines {
        self.tiles = self.tiles.saturating_sub(1);
        if self.tiles < self.target_lines && !self.target.is_empty() {
            let column = self.tiles * LINE;
            return Lines::new(self.target.as_ptr().wrapping_add(column), self.target_stride);
        }
        let lines = Lines::new(self.h.as_ptr(), self.stride);
        self.h = self.h.get(self.steps * self.stride..).unwrap_or_default();
        lines
    }
}
