//! Text of the page.

use maud::{Markup, html};

use crate::vocabulary::split_subscript;

/// Renders `text` with subscripts in symbols such as `σ_w` and `ξ_c`.
pub(super) fn symbols(text: &str) -> Markup {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, subscript, after)) = split_subscript(rest) {
        pieces.push(html! { (before) sub { (subscript) } });
        rest = after;
    }
    html! { @for piece in &pieces { (piece) } (rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscripts_and_escapes() {
        let page = symbols("6 ξ_c < σ_w² in my_data & more").into_string();
        assert_eq!(page, "6 ξ<sub>c</sub> &lt; σ<sub>w</sub>² in my_data &amp; more");
    }
}
