//! Text for the page.

use maud::{Markup, html};

use crate::vocabulary::split_subscript;

/// `text` with the subscripts of `σ_w`, `ξ_c` and their like lowered.
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
    fn symbols_are_lowered_and_the_rest_is_escaped() {
        let page = symbols("6 ξ_c < σ_w² in my_data & more").into_string();
        assert_eq!(page, "6 ξ<sub>c</sub> &lt; σ<sub>w</sub>² in my_data &amp; more");
    }
}
