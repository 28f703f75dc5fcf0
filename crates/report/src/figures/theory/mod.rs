//! Figures that need no run: theory by itself.

mod panels;
mod plane;
