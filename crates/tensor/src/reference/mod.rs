//! The reference backend: plain loops over f32 memory with every sum and function in f64.
//!
//! It is slow and obvious, and the other backends are tested against it. Each operation's implementation is the file
//! `reference.rs` in the operation's folder.

mod activation;

pub(crate) use activation::activation_derivative;
pub use activation::activation_value;

use crate::backend::host_backend;

/// The backend of plain loops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

host_backend!(Reference, "reference", |_: &Reference| "reference".to_owned());
