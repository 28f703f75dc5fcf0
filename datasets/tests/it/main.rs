//! Tests of the public interface. They form one program, so that they link once and share their helpers.
#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod common;
#[cfg(feature = "fetch")]
mod fetch;
mod formats;
mod import;
mod load;
mod mnist;
mod own;
