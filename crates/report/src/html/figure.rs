//! One figure of the page: its drawings for wide and narrow windows, and its hover values.

use crate::{Error, Result};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::words::symbols;
use crate::figures::{Figure, Hover, Layout, Values, draw};

/// Data for the page's script.
#[derive(Serialize)]
struct Data {
    wide: Hover,
    narrow: Hover,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Values>,
}

/// Renders `figure` as an element of the page.
///
/// # Errors
/// If it cannot be drawn.
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

/// JSON that cannot close its surrounding script element.
fn script_json(data: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(data)?.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_close_its_script() {
        assert_eq!(script_json(&"</script>").unwrap(), "\"\\u003c/script>\"");
    }
}
