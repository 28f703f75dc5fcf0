//! One figure of the page: its drawing for wide and for narrow windows, and what a reader can point at.

use crate::{Error, Result};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::words::symbols;
use crate::figures::{Figure, Hover, Layout, Values, draw};

/// What the page's script reads.
#[derive(Serialize)]
struct Data {
    wide: Hover,
    narrow: Hover,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Values>,
}

/// `figure` as an element of the page.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(figure: &dyn Figure) -> Result<Markup> {
    let draw = |layout| draw(figure, layout).map_err(Error::part(figure.stem()));
    let (wide, narrow) = (draw(Layout::Wide)?, draw(Layout::Narrow)?);
    let drawings = format!("{}\n{}", wide.to_inline("wide"), narrow.to_inline("narrow"));
    let data =
        script_json(&Data { wide: wide.hover, narrow: narrow.hover, values: figure.values() })?;
    let label = format!("{}. {} Arrow keys read values.", figure.title(), figure.caption())
        .replace('_', "");
    Ok(html! {
        figure.chart id=(figure.stem()) {
            div.drawing tabindex="0" role="img" aria-label=(label) {
                (PreEscaped(drawings))
                div.readout aria-live="polite" hidden {}
            }
            figcaption { (symbols(&figure.caption())) }
            script type="application/json" { (PreEscaped(data)) }
        }
    })
}

/// JSON that cannot end the script element it stands in.
fn script_json(data: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(data)?.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_end_its_script() {
        assert_eq!(script_json(&"</script>").unwrap(), "\"\\u003c/script>\"");
    }
}
