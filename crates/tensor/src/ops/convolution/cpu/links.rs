use std::ops::Range;

use crate::{
    PatchesConfig,
    ops::patches::cpu::{ZERO, taps},
};

/// For each pixel of a result, the pixels whose products it sums.
pub(super) struct Links {
    /// First of each pixel's links, and their number.
    starts: Vec<usize>,
    /// `[pixel of the source, element of the kernel]`
    pairs: Vec<[u32; 2]>,
    /// Pixels of the source.
    pub(super) sources: usize,
}

impl Links {
    /// For each patch, the pixels of the image that it holds.
    pub(super) fn of_patches(config: &PatchesConfig) -> Self {
        let taps = taps(config);
        let all = || all(&taps, config.window());
        Self::new(config.count(), config.images().pixels, all)
    }

    /// For each pixel of the image, the patches that hold it.
    pub(super) fn of_pixels(config: &PatchesConfig) -> Self {
        let taps = taps(config);
        let all =
            || all(&taps, config.window()).map(|[patch, pixel, element]| [pixel, patch, element]);
        Self::new(config.images().pixels, config.count(), all)
    }

    /// From all `[target, source, element]`.
    fn new<I: Iterator<Item = [u32; 3]>>(
        targets: usize,
        sources: usize,
        all: impl Fn() -> I,
    ) -> Self {
        let mut starts = vec![0; targets + 1];
        for [target, ..] in all() {
            starts[target as usize + 1] += 1;
        }
        for target in 0..targets {
            starts[target + 1] += starts[target];
        }
        let (mut next, mut pairs) = (starts.clone(), vec![[0; 2]; starts[targets]]);
        for [target, source, element] in all() {
            pairs[next[target as usize]] = [source, element];
            next[target as usize] += 1;
        }
        Self { starts, pairs, sources }
    }

    /// Pixels of the result.
    pub(super) fn targets(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn of(&self, target: usize) -> &[[u32; 2]] {
        &self.pairs[self.starts[target]..self.starts[target + 1]]
    }

    /// The pixels that `targets` read, each once, and the links with places in this list for pixels.
    pub(super) fn of_block(&self, targets: Range<usize>) -> Block {
        let links = &self.pairs[self.starts[targets.start]..self.starts[targets.end]];
        let mut places = vec![u32::MAX; self.sources];
        let mut sources = Vec::new();
        let place = |&[source, element]: &[u32; 2]| {
            let place = &mut places[source as usize];
            if *place == u32::MAX {
                *place = sources.len() as u32;
                sources.push(source);
            }
            [*place, element]
        };
        let links = links.iter().map(place).collect();
        let first = self.starts[targets.start];
        let ends = self.starts[targets.start..=targets.end].iter().map(|start| start - first);
        Block { first: targets.start, starts: ends.collect(), links, sources }
    }
}

/// Neighbouring pixels of a result.
pub(super) struct Block {
    /// The first pixel.
    pub(super) first: usize,
    starts: Vec<usize>,
    /// `[place in sources, element of the kernel]`
    links: Vec<[u32; 2]>,
    /// Pixels of the source.
    pub(super) sources: Vec<u32>,
}

impl Block {
    /// Pixels of the block, each with its links.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (usize, &[[u32; 2]])> {
        let links = self.starts.windows(2).map(|ends| &self.links[ends[0]..ends[1]]);
        (self.first..).zip(links)
    }
}

/// All `[patch, pixel, element]` that belong together.
fn all(taps: &[u32], window: usize) -> impl Iterator<Item = [u32; 3]> {
    let with_pixel = taps.iter().enumerate().filter(|&(_, &pixel)| pixel != ZERO);
    with_pixel.map(move |(index, &pixel)| [(index / window) as u32, pixel, (index % window) as u32])
}
