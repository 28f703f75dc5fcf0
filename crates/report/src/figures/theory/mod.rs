//! Figures of theory, which need no run.

mod panels;
mod plane;
