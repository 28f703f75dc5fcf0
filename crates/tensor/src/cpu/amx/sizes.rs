/// Rows of a tile, and columns of f32.
pub(crate) const SIDE: usize = 16;
/// Numbers of `k` a tile holds.
pub(crate) const DEPTH: usize = 2 * SIDE;
/// Numbers of f32 that take a tile's memory.
pub(crate) const TILE: usize = SIDE * SIDE;
