//! Predictors on several grids of trained networks, as text: Markdown and JSON; the figure is drawn by
//! [`write_scoreboard`](crate::write_scoreboard).

mod json;
mod markdown;
#[cfg(test)]
mod tests;

pub use self::{json::json, markdown::markdown};
