//! The tests of the public interface, one program, so that they are linked once and share their helpers.

mod common;
#[cfg(feature = "fetch")]
mod fetch;
mod formats;
mod import;
mod load;
mod mnist;
