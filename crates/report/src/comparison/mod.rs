//! The comparison of predictors as text: sentences, Markdown, JSON.

mod json;
mod markdown;
mod sentences;
#[cfg(test)]
mod tests;

pub(crate) use json::estimate_json;
pub use json::json;
pub use markdown::markdown;
pub(crate) use markdown::{auc, estimate, frontier, table, without_auc};
pub use sentences::sentences;
