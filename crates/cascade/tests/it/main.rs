//! Tests of the public interface. They form one program, so that they link once and share their helpers.

mod gradient;
mod interpretation;
mod layers;
mod naive;
mod ridge;
