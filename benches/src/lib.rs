//! Benches only; see `benches/`. Run them by `cargo xtask bench`.
