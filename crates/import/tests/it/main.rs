//! Tests of the public interface. They form one program, so that they link once and share their helpers.
#![expect(clippy::unwrap_used, reason = "a test")]

mod damage;
mod fit;
mod onnx;
mod pytorch;
mod support;
